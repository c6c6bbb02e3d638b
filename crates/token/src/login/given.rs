//! `OGE_TOKEN`: a token to start with.

use alloc::borrow::ToOwned;
use alloc::string::String;

use oge_tools::authorization::bearer;
use oge_tools::error::Fault;
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;

use crate::login::digest::Digest;

/// The token that the settings give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredToken {
    /// The whole value of the `Authorization` header.
    pub authorization: Secret,
    /// The time of issue in seconds since 1970, if the token has that claim.
    pub issued_at: Option<u64>,
    expires_at: Option<u64>,
}

impl ConfiguredToken {
    /// Reads `OGE_TOKEN`, with or without a scheme. `None` if it is not set.
    ///
    /// # Errors
    /// Fails if the token cannot be sent.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Fault> {
        let token = get("OGE_TOKEN").map(Secret::new);
        let token = token.filter(|token| !token.expose().trim().is_empty());
        let Some(token) = token else { return Ok(None) };
        bearer(&token)
            .map(|authorization| Some(Self::of(authorization)))
            .map_err(|problem| Fault::Setting("OGE_TOKEN", problem.to_owned()))
    }

    /// Reads the claims of the token in a header value.
    #[must_use]
    pub fn of(authorization: Secret) -> Self {
        let claims = Claims::read(authorization.expose()).unwrap_or_default();
        Self { authorization, issued_at: claims.issued_at, expires_at: claims.expires_at }
    }

    /// Returns 16 hex digits of a digest of this token, which identify it. Without credentials they are the
    /// name of the account.
    #[must_use]
    pub fn account(&self) -> String {
        Digest::default().part("OGE_TOKEN").part(self.authorization.expose()).name()
    }

    /// Returns when the token expires, in seconds since 1970. `None` if no login can replace it: then it is
    /// used until the platform rejects it.
    #[must_use]
    pub fn expires_at(&self, can_log_in: bool) -> Option<u64> {
        self.expires_at.filter(|_| can_log_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<Secret>, Fault> {
        let given = ConfiguredToken::read(|_| Some(value.to_owned()))?;
        Ok(given.map(|given| given.authorization))
    }

    #[test]
    fn a_missing_scheme_is_added() {
        assert_eq!(read("abc"), Ok(Some(Secret::new("Bearer abc"))));
        assert_eq!(read("Bearer abc"), Ok(Some(Secret::new("Bearer abc"))));
        assert_eq!(read(" \n"), Ok(None));
        assert!(matches!(read("a\nb"), Err(Fault::Setting("OGE_TOKEN", _))));
    }

    #[test]
    fn a_given_token_expires_only_if_a_login_can_replace_it() {
        let given = ConfiguredToken::of(Secret::new("Bearer e30.eyJleHAiOjUsImlhdCI6M30.c2ln"));
        assert_eq!((given.issued_at, given.expires_at(true)), (Some(3), Some(5)));
        assert_eq!(given.expires_at(false), None);
    }
}
