//! The wall clock. Only this module reads it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time since 1970, for `iat` and `exp` of tokens.
#[expect(
    clippy::disallowed_methods,
    reason = "the only caller: all other code receives the time as a parameter"
)]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
