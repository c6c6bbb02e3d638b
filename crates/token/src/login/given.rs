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
pub struct Given {
    /// The whole value of the `Authorization` header.
    pub authorization: Secret,
    /// When it was issued, in seconds since 1970, where it says so.
    pub issued_at: Option<u64>,
    expires_at: Option<u64>,
}

impl Given {
    /// Reads `OGE_TOKEN`, scheme in front or not; none where it is not set.
    ///
    /// # Errors
    /// Where it cannot be sent.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Fault> {
        let token = get("OGE_TOKEN").map(Secret::new);
        let token = token.filter(|token| !token.expose().trim().is_empty());
        let Some(token) = token else { return Ok(None) };
        bearer(&token)
            .map(|authorization| Some(Self::of(authorization)))
            .map_err(|problem| Fault::Setting("OGE_TOKEN", problem.to_owned()))
    }

    /// The token that this header value carries.
    #[must_use]
    pub fn of(authorization: Secret) -> Self {
        let claims = Claims::read(authorization.expose()).unwrap_or_default();
        Self { authorization, issued_at: claims.issued_at, expires_at: claims.expires_at }
    }

    /// Names this token, in 16 hex digits: the account where there are no credentials, and what changes
    /// when `OGE_TOKEN` does.
    #[must_use]
    pub fn account(&self) -> String {
        Digest::default().part("OGE_TOKEN").part(self.authorization.expose()).name()
    }

    /// When it ends, in seconds since 1970. Without a login to fall back on, only the platform can
    /// end it.
    #[must_use]
    pub fn expires_at(&self, can_log_in: bool) -> Option<u64> {
        self.expires_at.filter(|_| can_log_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<Secret>, Fault> {
        let given = Given::read(|_| Some(value.to_owned()))?;
        Ok(given.map(|given| given.authorization))
    }

    #[test]
    fn it_gets_its_scheme() {
        assert_eq!(read("abc"), Ok(Some(Secret::new("Bearer abc"))));
        assert_eq!(read("Bearer abc"), Ok(Some(Secret::new("Bearer abc"))));
        assert_eq!(read(" \n"), Ok(None));
        assert!(matches!(read("a\nb"), Err(Fault::Setting("OGE_TOKEN", _))));
    }

    #[test]
    fn it_ends_by_the_clock_only_where_another_can_be_had() {
        let given = Given::of(Secret::new("Bearer e30.eyJleHAiOjUsImlhdCI6M30.c2ln"));
        assert_eq!((given.issued_at, given.expires_at(true)), (Some(3), Some(5)));
        assert_eq!(given.expires_at(false), None);
    }
}
