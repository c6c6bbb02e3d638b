//! The `token-store` import: the trait that a host implements, and the binding in front of it.
//!
//! [`add_to_linker`] serves the import in any wasmtime host, as each of wasmtime's WASI crates does for its own.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use oge_tools::token::{Token, TokenError};
use wasmtime::component::{HasData, Linker};

use crate::bindings::oge::tools::token_store as wit;
use crate::known::Known;
use crate::store::NativeStore;

/// Where the token lives. The WIT's `token-store` says what each function promises.
///
/// Called from many instances at once: single flight is the implementor's to keep.
pub trait TokenStore: Send + Sync + 'static {
    /// The token to use now.
    fn get(&self) -> BoxFuture<'_, Result<Token, TokenError>>;
    /// What is held, whatever its state. Contacts no one.
    fn peek(&self) -> BoxFuture<'_, Option<Token>>;
    /// A token other than generation `stale`; with none, a new one whatever is held.
    fn refresh(&self, stale: Option<u64>) -> BoxFuture<'_, Result<Token, TokenError>>;
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
}

/// The token store of one wasmtime store: what its data holds for the `token-store` import.
pub struct TokenStoreCtx {
    store: Arc<dyn TokenStore>,
    /// Learns the tokens that the guest is given.
    known: Option<Known>,
}

impl TokenStoreCtx {
    /// Serves the import from `store`, which other instances may share.
    #[must_use]
    pub fn new(store: Arc<dyn TokenStore>) -> Self {
        Self { store, known: None }
    }

    pub(crate) fn known_to(store: Arc<dyn TokenStore>, known: Known) -> Self {
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

/// Adds `oge:tools/token-store` to a linker, for a program with a wasmtime host of its own. The engine must
/// run asynchronous functions. `examples/own_host.rs` is such a program.
///
/// # Errors
/// Fails if the linker has the interface already.
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
