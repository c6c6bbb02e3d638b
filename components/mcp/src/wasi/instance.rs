//! The tokio runtime of this instance.

use std::io;

use tokio::runtime::{Builder, Runtime};

use super::reactor::park;

/// Returns a runtime on this thread that parks in the reactor. tokio's timers do not wake the reactor, so
/// tasks must sleep with a deadline of the reactor.
///
/// # Errors
/// Fails if tokio cannot build the runtime.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_time().on_thread_park(park).build()
}
