//! A store for several tasks: each login is a task of its own.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::sync::Arc;
use core::future::Future;

use oge_tools::token::{Token, TokenError};

use crate::effects::StoreEffects;
use crate::login::ConfiguredToken;
use crate::medium::Medium;
use crate::store::{LoginCounts, Store, TokenRequest};
use crate::timing::LOGIN_TIMEOUT;

/// Effects that can start a task.
pub trait Spawn: StoreEffects {
    /// Starts `login` as a task of its own, at once. Dropping the returned future does not end the task.
    /// `None` if the task panicked.
    fn spawn(
        &self,
        login: LoginTask<Self>,
    ) -> impl Future<Output = Option<Result<Token, TokenError>>>;
}

/// A login that [`Spawn::spawn`] runs.
pub struct LoginTask<E: StoreEffects> {
    store: Arc<Store<E>>,
    request: TokenRequest,
}

impl<E: StoreEffects> LoginTask<E> {
    /// Logs in. Callers that wait for this login share its outcome.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn run(self) -> Result<Token, TokenError> {
        self.store.finish(self.request, LOGIN_TIMEOUT).await
    }
}

/// The token store of a process with several tasks. Each login is a task of its own, so a caller that is
/// dropped ends no login. Clones share the token.
pub struct SharedStore<E: StoreEffects>(Arc<Store<E>>);

impl<E: Spawn> SharedStore<E> {
    /// Returns a store. If `given` is a token that was not used up, it is used first.
    pub fn new(effects: E, medium: Medium<E>, given: Option<ConfiguredToken>) -> Self {
        Self(Arc::new(Store::new(effects, medium, given)))
    }

    /// Returns the token to use now. A good token that should be refreshed soon is returned at once and
    /// refreshed in the background.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn get(&self) -> Result<Token, TokenError> {
        self.finish(self.0.try_get()).await
    }

    /// Returns the held token, good or not. Does not contact the authority.
    pub fn peek(&self) -> Option<Token> {
        self.0.peek()
    }

    /// As [`Store::login_counts`].
    pub fn login_counts(&self) -> LoginCounts {
        self.0.login_counts()
    }

    /// As [`Store::check_file`].
    ///
    /// # Errors
    /// Returns why the token file cannot be locked.
    pub fn check_file(&self) -> Result<(), String> {
        self.0.check_file()
    }

    /// Returns a token other than generation `stale`. With `None`, logs in even if the held token is good.
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    pub async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.finish(self.0.try_refresh(stale)).await
    }

    async fn finish(&self, request: TokenRequest) -> Result<Token, TokenError> {
        match request {
            TokenRequest::Ready(result) => result,
            TokenRequest::RefreshSoon(token) => {
                drop(self.spawn(TokenRequest::RefreshSoon(token.clone())));
                Ok(token)
            }
            TokenRequest::LoginNeeded(_) => self.spawn(request).await.unwrap_or_else(|| {
                Err(TokenError::Unavailable("the login ended unexpectedly".to_owned()))
            }),
        }
    }

    fn spawn(
        &self,
        request: TokenRequest,
    ) -> impl Future<Output = Option<Result<Token, TokenError>>> {
        self.0.effects().spawn(LoginTask { store: Arc::clone(&self.0), request })
    }
}

impl<E: StoreEffects> Clone for SharedStore<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
