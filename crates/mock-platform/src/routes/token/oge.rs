//! The platform's own token protocol.

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde::Deserialize;

use crate::options::Credentials;
use crate::received::Received;
use crate::response::Response;
use crate::urlencoded;

/// The credentials in the query, and again in the body.
pub(crate) struct Login {
    query: Vec<(String, String)>,
    body: Body,
}

#[derive(Deserialize)]
struct Body {
    username: String,
    password: String,
}

/// Parses a login. Returns a 400 if the header has a token.
pub(super) fn read(request: &Received) -> Result<Login, Response> {
    request.expect_method(&Method::POST)?;
    if request.parts.headers.contains_key(AUTHORIZATION) {
        return Err(Response::status(StatusCode::BAD_REQUEST, "无效的请求头"));
    }
    Ok(Login { query: request.query(), body: request.json()? })
}

impl Login {
    pub(super) fn check(&self, credentials: &Credentials) -> Result<(), Response> {
        let has = |name, value: &str| urlencoded::value(&self.query, name) == Some(value);
        let is_known = has("grant_type", "password")
            && urlencoded::value(&self.query, "scopes").is_some_and(|scopes| !scopes.is_empty())
            && has("client_id", &credentials.client_id)
            && has("client_secret", &credentials.client_secret)
            && has("username", &credentials.username)
            && has("password", &credentials.password)
            && self.body.username == credentials.username
            && self.body.password == credentials.password;
        if is_known { Ok(()) } else { Err(Response::code(40001, "用户名或密码错误")) }
    }
}

/// Returns the response with the token. `tokenHead` ends with a blank, as on the platform.
pub(super) fn grant(token: &str) -> Response {
    Response::json(
        StatusCode::OK,
        format!(r#"{{"data":{{"token":"{token}","tokenHead":"Bearer "}}}}"#),
    )
}
