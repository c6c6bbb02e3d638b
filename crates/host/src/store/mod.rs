//! The token store of the reference host: [`SharedStore`] on tokio.

mod authority;
mod directory;
mod effects;
#[cfg(test)]
mod tests;
mod transport;

use std::path::Path;

use oge_token::{ConfiguredToken, Etcd, EtcdSettings, LoginCounts, Medium, SharedStore, TokenFile};
use oge_tools::token::{Token, TokenError};

use self::effects::Native;
use crate::client::HttpClient;
use crate::guest_log::LogSink;

pub use authority::Authority;
pub use directory::StateDirectory;
pub(crate) use effects::wall_clock;
pub(crate) use transport::StoreTransport;
#[doc(hidden)]
pub use transport::to_http;

/// The token of one account, shared by all instances of a host. Clones share it. Dropping a caller ends no
/// login.
#[derive(Clone)]
pub struct NativeStore(SharedStore<Native>);

impl NativeStore {
    /// Returns a store that logs in with `authority` and keeps its state in memory. If `given` is a token
    /// that was not used up, it is used first.
    #[must_use]
    pub fn new(authority: impl Authority, given: Option<ConfiguredToken>, warn: LogSink) -> Self {
        Self(SharedStore::new(Native::new(authority, warn), Medium::Memory, given))
    }

    /// Like [`NativeStore::new`], but keeps its state in a file that other processes may share: `path`
    /// followed by the account's name. The directory must exist.
    #[must_use]
    pub fn with_file(
        authority: impl Authority,
        given: Option<ConfiguredToken>,
        warn: LogSink,
        path: &Path,
        account: &str,
    ) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = TokenFile::new(StateDirectory::of_token_file(path), &name, account);
        Self(SharedStore::new(Native::new(authority, warn), Medium::File(file), given))
    }

    /// Like [`NativeStore::new`], but keeps its state in etcd, which other machines may share. `client` sends the
    /// requests to etcd.
    #[must_use]
    pub fn with_etcd(
        authority: impl Authority,
        given: Option<ConfiguredToken>,
        warn: LogSink,
        settings: EtcdSettings,
        account: &str,
        client: HttpClient,
    ) -> Self {
        let etcd = Medium::Etcd(Etcd::new(settings, account, StoreTransport(client)));
        Self(SharedStore::new(Native::new(authority, warn), etcd, given))
    }

    /// Returns the token to use now.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn get(&self) -> Result<Token, TokenError> {
        self.0.get().await
    }

    /// Returns the held token, good or not. Does not contact the authority.
    #[must_use]
    pub fn peek(&self) -> Option<Token> {
        self.0.peek()
    }

    /// Returns a token other than generation `stale`. With `None`, logs in even if the held token is good.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.0.refresh(stale).await
    }

    /// Returns how many logins this store has made.
    #[must_use]
    pub fn login_counts(&self) -> LoginCounts {
        self.0.login_counts()
    }

    /// Checks that the token file can be locked, as each login must. Contacts nobody.
    ///
    /// # Errors
    /// Returns why it cannot.
    pub fn check_file(&self) -> Result<(), String> {
        self.0.check_file()
    }
}
