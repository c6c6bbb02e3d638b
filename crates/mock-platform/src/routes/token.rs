//! The token endpoint, in two protocols.

mod oge;
mod rfc6749;

use std::time::Duration;

use crate::options::{Credentials, TokenStyle};
use crate::received::Received;
use crate::response::Response;

/// A parsed login, whose credentials are not checked yet.
pub(crate) enum Login {
    Oge(oge::Login),
    Rfc6749(rfc6749::Login),
}

pub(crate) fn read(request: &Received, style: TokenStyle) -> Result<Login, Response> {
    match style {
        TokenStyle::Oge => oge::read(request).map(Login::Oge),
        TokenStyle::Rfc6749 => rfc6749::read(request).map(Login::Rfc6749),
    }
}

impl Login {
    /// Returns the rejection as the error if the credentials are wrong.
    pub(crate) fn check(&self, credentials: &Credentials) -> Result<(), Response> {
        match self {
            Self::Oge(login) => login.check(credentials),
            Self::Rfc6749(login) => login.check(credentials),
        }
    }

    /// Returns the response with the token.
    pub(crate) fn grant(&self, token: &str, lifetime: Duration) -> Response {
        match self {
            Self::Oge(_) => oge::grant(token),
            Self::Rfc6749(_) => rfc6749::grant(token, lifetime),
        }
    }
}
