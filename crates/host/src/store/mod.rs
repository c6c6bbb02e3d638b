//! The reference host's token store: `oge-token`'s, with each login as a task of its own. A caller
//! that goes away ends no login.

mod authority;
mod directory;
mod effects;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use oge_token::timing::LOGIN_TIMEOUT;
use oge_token::{ConfiguredToken, Store, TokenFile, TokenRequest};
use oge_tools::token::{Token, TokenError};

use self::directory::StateDirectory;
use self::effects::Native;
use crate::guest_log::LogSink;
use crate::runtime::spawn;

pub use authority::Authority;

/// The token of one account, shared by every instance of a host. Clones share it.
#[derive(Clone)]
pub struct NativeStore(Arc<Store<Native>>);

impl NativeStore {
    /// A store that logs in with `authority`, starts with the token `given` if there is one, and keeps
    /// what it knows in memory.
    #[must_use]
    pub fn new(authority: impl Authority, given: Option<ConfiguredToken>, warn: LogSink) -> Self {
        Self(Arc::new(Store::new(Native::new(authority, warn, None), given)))
    }

    /// The same, which keeps what it knows in a file that other processes may share: `path` with the
    /// account's name behind it. The directory must be there.
    #[must_use]
    pub fn with_file(
        authority: impl Authority,
        given: Option<ConfiguredToken>,
        warn: LogSink,
        path: &Path,
        account: &str,
    ) -> Self {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or_else(|| Path::new(".")).to_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = TokenFile::new(StateDirectory(Arc::new(directory)), &name, account);
        Self(Arc::new(Store::new(Native::new(authority, warn, Some(file)), given)))
    }

    /// The token to use now.
    ///
    /// # Errors
    /// Says why there is none.
    pub async fn get(&self) -> Result<Token, TokenError> {
        self.finish(self.0.try_get()).await
    }

    /// The held token, whatever its state. Contacts no one.
    #[must_use]
    pub fn peek(&self) -> Option<Token> {
        self.0.peek()
    }

    /// A token other than generation `stale`; with `None`, a new one whatever is held.
    ///
    /// # Errors
    /// Says why there is none.
    pub async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.finish(self.0.try_refresh(stale)).await
    }

    async fn finish(&self, next: TokenRequest) -> Result<Token, TokenError> {
        let store = Arc::clone(&self.0);
        match next {
            TokenRequest::Ready(answer) => answer,
            TokenRequest::RefreshSoon(token) => {
                // In the background: nobody waits for it here.
                drop(spawn(async move { store.refresh_ahead(LOGIN_TIMEOUT).await }));
                Ok(token)
            }
            TokenRequest::LoginNeeded(wanted) => {
                let broken_off = |_| Err(TokenError::Unavailable("the login broke off".to_owned()));
                spawn(async move { store.log_in(wanted).await }).await.unwrap_or_else(broken_off)
            }
        }
    }
}
