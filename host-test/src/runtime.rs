//! What the token store runs on: a lock, tasks, timers and the clocks. All in one place, because
//! `tests/interleavings` puts another runtime under the store's own source, and tries every order in
//! which its callers can run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use tokio::spawn;
pub(crate) use tokio::time::{Instant, sleep, timeout};

/// Since 1970; a clock before that reads as 1970.
#[expect(clippy::disallowed_methods, reason = "the store is a shell: this is where time comes in")]
pub(crate) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
