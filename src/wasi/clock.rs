//! WASI's clocks.

use core::time::Duration;

use wasip2::clocks::{monotonic_clock, wall_clock};

use crate::client::Clock;

/// The host's clocks.
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
}
