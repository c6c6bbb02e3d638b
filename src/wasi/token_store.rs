//! The imported token store.

use super::bindings::oge::tools::token_store;
use crate::secret::Secret;
use crate::token::{Token, TokenError, TokenStore};

/// The token store that the host or the composition provides.
#[derive(Clone, Copy, Debug)]
pub(super) struct WitTokenStore;

impl TokenStore for WitTokenStore {
    async fn get(&self) -> Result<Token, TokenError> {
        token_store::get().map(token_from_wit).map_err(error_from_wit)
    }

    async fn peek(&self) -> Option<Token> {
        token_store::peek().map(token_from_wit)
    }

    async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        token_store::refresh(stale).map(token_from_wit).map_err(error_from_wit)
    }
}

fn token_from_wit(token: token_store::Token) -> Token {
    Token { authorization: Secret::new(token.authorization), generation: token.generation }
}

fn error_from_wit(error: token_store::TokenError) -> TokenError {
    match error {
        token_store::TokenError::NotConfigured(which) => TokenError::NotConfigured(which),
        token_store::TokenError::Rejected(why) => TokenError::Rejected(why),
        token_store::TokenError::Unavailable(why) => TokenError::Unavailable(why),
    }
}
