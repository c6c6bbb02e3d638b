//! The `token-store` import: the trait that a host implements, and the binding in front of it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use oge_tools::token::{Token, TokenError};

use crate::bindings::oge::tools::token_store as wit;
use crate::state::State;
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

impl wit::Host for State {
    async fn get(&mut self) -> wasmtime::Result<Result<wit::Token, wit::TokenError>> {
        let store = Arc::clone(&self.tokens);
        let token = store.get().await.inspect(|token| self.known.add(token));
        Ok(to_wit(token))
    }

    async fn peek(&mut self) -> wasmtime::Result<Option<wit::Token>> {
        let store = Arc::clone(&self.tokens);
        Ok(store.peek().await.map(token_to_wit))
    }

    async fn refresh(
        &mut self,
        stale: Option<u64>,
    ) -> wasmtime::Result<Result<wit::Token, wit::TokenError>> {
        let store = Arc::clone(&self.tokens);
        let token = store.refresh(stale).await.inspect(|token| self.known.add(token));
        Ok(to_wit(token))
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
