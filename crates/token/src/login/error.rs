//! Why a login gave no token.

use alloc::string::String;
use core::time::Duration;

use oge_tools::token::TokenError;

/// Why a login gave no token. The token store decides by the variant when it may ask again. No text
/// carries a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// A setting is missing or bad: its name, and the problem if there is more to say.
    NotConfigured(String),
    /// The authority refused the credentials. More logins with them may lock the account.
    Rejected {
        /// What the authority said and which settings to check, as a sentence without its full stop.
        why: String,
        /// How many more logins the authority allows, if the response says so.
        tries_left: Option<u32>,
    },
    /// The authority answered with a failing code that names no cause.
    Failed {
        /// What the authority said, as a sentence without its full stop.
        why: String,
    },
    /// There was no usable response.
    Unavailable {
        /// What happened, as a sentence without its full stop.
        why: String,
        /// How long the authority asks to wait, at most ten minutes.
        retry_after: Option<Duration>,
    },
}

impl From<LoginError> for TokenError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::NotConfigured(which) => Self::NotConfigured(which),
            LoginError::Rejected { why, .. } => Self::Rejected(why),
            LoginError::Failed { why } | LoginError::Unavailable { why, .. } => {
                Self::Unavailable(why)
            }
        }
    }
}
