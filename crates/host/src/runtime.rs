//! What the token store runs on: locks, tasks, timers and the clocks. All in one place, because
//! `tests/interleavings` puts another runtime under the store's own source, and tries every order in
//! which its callers can run.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use std::sync::Mutex;
pub(crate) use tokio::spawn;
pub(crate) use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard as AsyncGuard};
pub(crate) use tokio::time::{Instant, sleep, timeout};

/// The guard; `None` if another task has it.
pub(crate) fn try_lock<T>(mutex: &Arc<AsyncMutex<T>>) -> Option<AsyncGuard<T>> {
    Arc::clone(mutex).try_lock_owned().ok()
}

/// Since 1970; a clock before that reads as 1970.
#[expect(clippy::disallowed_methods, reason = "the store is a shell: this is where time comes in")]
pub(crate) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
