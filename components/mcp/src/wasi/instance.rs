//! The runtime of this instance.

use std::io;

use tokio::runtime::{Builder, Runtime};

use super::reactor::park;

/// A runtime on this thread that waits in the reactor. Its own timers fire only when something else
/// does: who sleeps waits for a clock of the reactor.
///
/// # Errors
/// Where the runtime cannot be had.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_time().on_thread_park(park).build()
}
