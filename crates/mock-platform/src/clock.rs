//! The one place that reads a clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970, from which tokens take `iat` and `exp`.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the shell: everything else gets the time passed in"
)]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
