//! Refreshes or describes the token store's token, for callers outside the tools.

use alloc::string::{String, ToString};
use core::time::Duration;

use crate::error::Failure;
use crate::jwt::Claims;
use crate::token::{Token, TokenStore};

/// The operation's label.
pub const OPERATION: &str = "刷新Token";

/// A description of a token, without any part of it. The WIT's `token-info` documents each field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct TokenInfo {
    pub present: bool,
    pub generation: Option<u64>,
    pub expires_at: Option<u64>,
    pub expired: Option<bool>,
    pub user_name: Option<String>,
}

/// Logs in now and describes the new token. `wall` is the time since 1970.
///
/// # Errors
/// Fails with `not-configured` or `token-store`.
pub async fn refresh(token_store: &impl TokenStore, wall: Duration) -> Result<TokenInfo, Failure> {
    match token_store.refresh(None).await {
        Ok(token) => Ok(TokenInfo::of(&token, wall)),
        Err(error) => Err(Failure::new((&error).into(), OPERATION, error.to_string())),
    }
}

/// Describes the held token. Sends nothing. `wall` is the time since 1970.
pub async fn status(token_store: &impl TokenStore, wall: Duration) -> TokenInfo {
    token_store.peek().await.map_or_else(TokenInfo::default, |token| TokenInfo::of(&token, wall))
}

impl TokenInfo {
    fn of(token: &Token, wall: Duration) -> Self {
        let claims = Claims::read(token.authorization.expose()).unwrap_or_default();
        Self {
            present: true,
            generation: Some(token.generation),
            expires_at: claims.expires_at,
            expired: claims.expires_at.map(|expires_at| expires_at <= wall.as_secs()),
            user_name: claims.user_name,
        }
    }
}
