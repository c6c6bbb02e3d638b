//! The token protocol of RFC 6749, for token stores that use a standard authority.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, StatusCode};
use serde_json::json;

use crate::options::Credentials;
use crate::received::Received;
use crate::response::Response;
use crate::urlencoded;

/// The form, and the client's id and secret if they were sent as `Basic`.
pub(crate) struct Login {
    form: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

pub(super) fn read(request: &Received) -> Result<Login, Response> {
    request.expect_method(&Method::POST)?;
    request.expect_type("application/x-www-form-urlencoded")?;
    let form = std::str::from_utf8(&request.body).map_err(|_| refusal("invalid_request"))?;
    let basic = match request.authorization() {
        Some(header) => Some(basic(header.as_bytes()).ok_or_else(|| refusal("invalid_request"))?),
        None => None,
    };
    Ok(Login { form: urlencoded::pairs(form), basic })
}

impl Login {
    pub(super) fn check(&self, credentials: &Credentials) -> Result<(), Response> {
        let client = match &self.basic {
            Some((id, secret)) => Some((id.as_str(), secret.as_str())),
            None => self.form("client_id").zip(self.form("client_secret")),
        };
        if client != Some((&credentials.client_id, &credentials.client_secret)) {
            return Err(refusal("invalid_client"));
        }
        let user = self.form("username").zip(self.form("password"));
        match self.form("grant_type") {
            Some("client_credentials") => Ok(()),
            Some("password") if user == Some((&credentials.username, &credentials.password)) => {
                Ok(())
            }
            Some("password") => Err(refusal("invalid_grant")),
            Some(_) => Err(refusal("unsupported_grant_type")),
            None => Err(refusal("invalid_request")),
        }
    }

    fn form(&self, name: &str) -> Option<&str> {
        urlencoded::value(&self.form, name)
    }
}

pub(super) fn grant(token: &str, lifetime: Duration) -> Response {
    let body = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
    });
    Response::json(StatusCode::OK, body.to_string())
}

/// Decodes the id and the secret, each of which is form-encoded inside the base64 text.
fn basic(header: &[u8]) -> Option<(String, String)> {
    let pair = STANDARD.decode(header.strip_prefix(b"Basic ")?).ok()?;
    let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((urlencoded::decode(id), urlencoded::decode(secret)))
}

fn refusal(error: &str) -> Response {
    let status = match error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    };
    Response::json(status, json!({ "error": error }).to_string())
}
