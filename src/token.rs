//! The token, and the trait of token stores.

use alloc::string::String;
use core::future::Future;

use crate::error::FailureKind;
use crate::secret::Secret;

/// A token, ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The whole value of the `Authorization` header.
    pub authorization: Secret,
    /// The number that names this token. See the WIT.
    pub generation: u64,
}

/// Why there is no token. No text contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// A setting is missing or bad. The text is its name.
    NotConfigured(String),
    /// The authority rejected the credentials. The text is the reason.
    Rejected(String),
    /// The authority could not be reached in time, or its response is unusable. The text is the reason.
    Unavailable(String),
}

impl core::fmt::Display for TokenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotConfigured(which) => write!(f, "the token store lacks a good setting {which}"),
            Self::Rejected(why) => write!(f, "the credentials were refused: {why}"),
            Self::Unavailable(why) => write!(f, "no token could be had: {why}"),
        }
    }
}

impl core::error::Error for TokenError {}

impl From<&TokenError> for FailureKind {
    fn from(error: &TokenError) -> Self {
        match error {
            TokenError::NotConfigured(_) => Self::NotConfigured,
            TokenError::Rejected(_) | TokenError::Unavailable(_) => Self::TokenStore,
        }
    }
}

/// Holds the token. The WIT's `token-store` specifies each function.
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub trait TokenStore {
    fn get(&self) -> impl Future<Output = Result<Token, TokenError>>;
    fn peek(&self) -> impl Future<Output = Option<Token>>;
    fn refresh(&self, stale: Option<u64>) -> impl Future<Output = Result<Token, TokenError>>;
}
