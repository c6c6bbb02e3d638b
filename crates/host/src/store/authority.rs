//! The authority: issues tokens.

use std::time::Duration;

use futures_util::future::BoxFuture;
use oge_token::{Issued, LoginError};

/// Issues tokens.
pub trait Authority: Send + Sync + 'static {
    /// Whether the settings for a login are complete.
    fn can_log_in(&self) -> bool {
        true
    }

    /// Returns a salted digest of the credentials in hex. Credentials with a new digest are tried at once,
    /// even if the ones before were rejected.
    fn digest(&self, _salt: &[u8]) -> String {
        String::new()
    }

    /// Returns the failure of a login that took longer than `limit`.
    fn timed_out(&self, limit: Duration) -> LoginError {
        let why = format!("no token within {} s", limit.as_secs());
        LoginError::Unavailable { why, retry_after: None }
    }

    /// Logs in. The store makes one login at a time and enforces the time limit.
    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>>;
}
