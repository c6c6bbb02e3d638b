//! WASI's clocks.

use core::time::Duration;

use wasip2::clocks::{monotonic_clock, wall_clock};

use super::wait::{Blocking, Deadline, Wait as _};
use crate::client::Clock;

/// The host's clocks. Waiting blocks the instance.
#[derive(Clone, Copy, Debug)]
pub struct WasiClock;

impl Clock for WasiClock {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn wall(&self) -> Duration {
        let now = wall_clock::now();
        Duration::new(now.seconds, now.nanoseconds)
    }

    async fn sleep(&self, time: Duration) {
        Blocking.until(&Deadline::after(time)).await;
    }
}
