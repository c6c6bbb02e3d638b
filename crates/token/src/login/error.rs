//! Why a login returned no token.

use alloc::string::String;
use core::time::Duration;

use oge_tools::token::TokenError;

/// Why a login returned no token. The token store decides by the variant when the next login may be made. No
/// text contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// A setting is missing or bad. The text is its name, and what is wrong with it if it is set.
    NotConfigured(String),
    /// The authority rejected the credentials. More logins with them may lock the account.
    Rejected {
        /// The authority's reason and the settings to check, as a sentence without its full stop.
        why: String,
        /// How many more logins the authority allows, if the response has that.
        tries_left: Option<u32>,
    },
    /// The authority returned a failing code that names no cause.
    Failed {
        /// The authority's reason, as a sentence without its full stop.
        why: String,
    },
    /// There is no usable response.
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
