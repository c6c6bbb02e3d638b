//! Who issues tokens.

use std::time::Duration;

use futures_util::future::BoxFuture;
use oge_token::{Issued, LoginError};

/// Issues tokens.
pub trait Authority: Send + Sync + 'static {
    /// Whether it has what a login takes.
    fn can_log_in(&self) -> bool {
        true
    }

    /// A salted digest of the credentials in hex: other credentials have another. They are tried at once
    /// where others were rejected.
    fn digest(&self, _salt: &[u8]) -> String {
        String::new()
    }

    /// Returns the failure of a login that took longer than `limit`.
    fn timed_out(&self, limit: Duration) -> LoginError {
        let why = format!("no token within {} s", limit.as_secs());
        LoginError::Unavailable { why, retry_after: None }
    }

    /// Logs in, once. The store sees to it that no other login is under way, and to the time limit.
    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>>;
}
