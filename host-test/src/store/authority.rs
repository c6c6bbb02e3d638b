//! Who issues tokens.

use futures_util::future::BoxFuture;
use oge_oauth::Issued;
use oge_tools::token::TokenError;

/// Issues tokens.
pub trait Authority: Send + Sync + 'static {
    /// Whether it has what a login takes.
    fn can_log_in(&self) -> bool {
        true
    }

    /// Logs in, once. The store sees to it that nobody else does meanwhile, and to the time limit.
    fn login(&self) -> BoxFuture<'_, Result<Issued, TokenError>>;
}
