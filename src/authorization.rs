//! Which `Authorization` a request carries: the caller's, the token store's, or that of its own headers.

use alloc::borrow::ToOwned;

use crate::error::Fault;
use crate::request::MAX_VALUE_BYTES;
use crate::secret::Secret;

/// Where a request's `Authorization` comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// The caller's own token: sent once, never refreshed.
    Caller(Secret),
    /// The token store's token at the time of sending.
    Store {
        /// Whether an expired token is refreshed and the request sent again.
        retry: bool,
    },
    /// What the request's own headers have, if anything.
    FromHeaders,
}

impl Authorization {
    /// Returns the authorization for the caller's own token, with or without the prefix `Bearer `.
    ///
    /// # Errors
    /// Fails if `auth_token` cannot be sent.
    pub fn caller(auth_token: &Secret) -> Result<Self, Fault> {
        bearer(auth_token)
            .map(Self::Caller)
            .map_err(|problem| Fault::Argument("auth_token", problem.to_owned()))
    }

    /// Returns the DAG tools' authorization: the caller's token if there is one, else the token store's.
    ///
    /// # Errors
    /// Fails if `auth_token` cannot be sent.
    pub fn caller_or_store(auth_token: Option<&Secret>) -> Result<Self, Fault> {
        auth_token.map_or(Ok(Self::Store { retry: true }), Self::caller)
    }
}

/// Returns the header value for a bearer token, which may already have the prefix `Bearer `.
///
/// # Errors
/// The error is the end of a sentence about the token. It never quotes the token.
pub fn bearer(token: &Secret) -> Result<Secret, &'static str> {
    let token = token.expose().trim();
    let token = match token.split_at_checked(6) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") && rest.starts_with(' ') => {
            rest.trim_start_matches(' ')
        }
        _ => token,
    };
    if token.is_empty() || token.eq_ignore_ascii_case("bearer") {
        return Err("is blank; leave it out to use the platform's own token, or pass a token");
    }
    if token.len() > MAX_VALUE_BYTES {
        return Err("is longer than 16 KiB, which no header carries; pass a token");
    }
    if token.chars().any(char::is_control) {
        return Err("holds a control character, such as a line break; pass the token on one line");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("holds a blank or a character that is not ASCII; pass the token alone");
    }
    Ok(Secret::new(["Bearer ", token].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn sent(auth_token: &str) -> Option<String> {
        match Authorization::caller(&Secret::new(auth_token)) {
            Ok(Authorization::Caller(value)) => Some(value.expose().to_owned()),
            _ => None,
        }
    }

    #[test]
    fn a_missing_bearer_prefix_is_added() {
        for token in ["abc", "Bearer abc", "bearer  abc", " Bearer abc \r\n"] {
            assert_eq!(sent(token).as_deref(), Some("Bearer abc"), "{token:?}");
        }
        assert_eq!(sent("Bearerabc").as_deref(), Some("Bearer Bearerabc"));
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_refused_and_not_quoted() {
        for token in [
            "",
            "  ",
            "Bearer",
            "Bearer ",
            "a\nMARKER",
            "a\r\nX: MARKER",
            "a\0MARKER",
            "a MARKER",
            "坡MARKER",
        ] {
            let Err(Fault::Argument("auth_token", problem)) =
                Authorization::caller(&Secret::new(token))
            else {
                panic!("{token:?} was accepted");
            };
            assert!(!problem.contains("MARKER"), "{problem}");
        }
    }

    #[test]
    fn without_auth_token_the_stores_token_is_used_with_a_retry() {
        assert_eq!(Authorization::caller_or_store(None), Ok(Authorization::Store { retry: true }));
    }
}
