//! The `token-store` import: the trait that a host implements, and its wasmtime binding.
//!
//! [`add_to_linker`] provides the import in any wasmtime host, like the function of that name in wasmtime's
//! WASI crates.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use oge_token::LoginCounts;
use oge_tools::token::{Token, TokenError};
use wasmtime::component::{HasData, Linker};

use crate::bindings::oge::tools::token_store as wit;
use crate::known::HostSecrets;
use crate::store::NativeStore;

/// Holds the token. `wit/token-store.wit` specifies each function.
///
/// Many instances call it at once. The implementation must let concurrent callers share one login.
pub trait TokenStore: Send + Sync + 'static {
    /// Returns the token to use now.
    fn get(&self) -> BoxFuture<'_, Result<Token, TokenError>>;
    /// Returns the held token, whatever its state. Contacts no one.
    fn peek(&self) -> BoxFuture<'_, Option<Token>>;
    /// Returns a token other than generation `stale`. If `stale` is `None`, gets a new token in any case.
    fn refresh(&self, stale: Option<u64>) -> BoxFuture<'_, Result<Token, TokenError>>;
    /// Checks that the store can be used, without a request to anybody.
    ///
    /// # Errors
    /// Returns why it cannot.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
    /// Returns how many logins the store has made, if it counts them.
    fn login_counts(&self) -> LoginCounts {
        LoginCounts::default()
    }
}

impl TokenStore for NativeStore {
    fn get(&self) -> BoxFuture<'_, Result<Token, TokenError>> {
        Box::pin(Self::get(self))
    }

    fn peek(&self) -> BoxFuture<'_, Option<Token>> {
        Box::pin(async { Self::peek(self) })
    }

    fn refresh(&self, stale: Option<u64>) -> BoxFuture<'_, Result<Token, TokenError>> {
        Box::pin(Self::refresh(self, stale))
    }

    fn check(&self) -> Result<(), String> {
        self.check_file()
    }

    fn login_counts(&self) -> LoginCounts {
        Self::login_counts(self)
    }
}

/// The state of the `token-store` import in the data of a wasmtime store.
pub struct TokenStoreCtx {
    store: Arc<dyn TokenStore>,
    /// Receives the tokens that are passed to the guest, to hide them.
    known: Option<HostSecrets>,
}

impl TokenStoreCtx {
    /// Provides the import from `store`, which other instances may share.
    #[must_use]
    pub fn new(store: Arc<dyn TokenStore>) -> Self {
        Self { store, known: None }
    }

    /// Like [`TokenStoreCtx::new`], and adds each token that is passed to the guest to `known`.
    pub(crate) fn known_to(store: Arc<dyn TokenStore>, known: HostSecrets) -> Self {
        Self { store, known: Some(known) }
    }

    fn learn(&self, token: &Token) {
        if let Some(known) = &self.known {
            known.add(token);
        }
    }
}

/// Access to the [`TokenStoreCtx`] in the data of a wasmtime store.
pub trait TokenStoreView: Send {
    /// Returns the context.
    fn token_store(&mut self) -> &mut TokenStoreCtx;
}

/// Adds `oge:tools/token-store` to the linker of another wasmtime host. The engine must support asynchronous
/// functions. See `examples/own_host.rs`.
///
/// # Errors
/// Fails if the linker already has the interface.
pub fn add_to_linker<T: TokenStoreView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, HasTokenStore>(linker, T::token_store)
}

struct HasTokenStore;

impl HasData for HasTokenStore {
    type Data<'a> = &'a mut TokenStoreCtx;
}

impl wit::Host for TokenStoreCtx {
    async fn get(&mut self) -> wasmtime::Result<Result<wit::Token, wit::TokenError>> {
        Ok(to_wit(self.store.get().await.inspect(|token| self.learn(token))))
    }

    async fn peek(&mut self) -> wasmtime::Result<Option<wit::Token>> {
        Ok(self.store.peek().await.map(token_to_wit))
    }

    async fn refresh(
        &mut self,
        stale: Option<u64>,
    ) -> wasmtime::Result<Result<wit::Token, wit::TokenError>> {
        Ok(to_wit(self.store.refresh(stale).await.inspect(|token| self.learn(token))))
    }
}

fn to_wit(result: Result<Token, TokenError>) -> Result<wit::Token, wit::TokenError> {
    result.map(token_to_wit).map_err(|error| match error {
        TokenError::NotConfigured(which) => wit::TokenError::NotConfigured(which),
        TokenError::Rejected(why) => wit::TokenError::Rejected(why),
        TokenError::Unavailable(why) => wit::TokenError::Unavailable(why),
    })
}

fn token_to_wit(token: Token) -> wit::Token {
    wit::Token {
        authorization: token.authorization.expose().to_owned(),
        generation: token.generation,
    }
}
