//! A received request.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::response::Response;
use crate::route::Route;
use crate::urlencoded;

/// A request, read to its end.
pub(crate) struct Received {
    pub(crate) route: Route,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn new(parts: Parts, body: Bytes) -> Self {
        Self { route: Route::of(parts.uri.path()), parts, body }
    }

    /// Returns the `Authorization` header. `None` if there are several.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        let mut values = self.parts.headers.get_all(AUTHORIZATION).iter();
        values.next().filter(|_| values.next().is_none())
    }

    pub(crate) fn query(&self) -> Vec<(String, String)> {
        urlencoded::pairs(self.parts.uri.query().unwrap_or_default())
    }

    /// Returns a 405 if the method is another one.
    pub(crate) fn expect_method(&self, method: &Method) -> Result<(), Response> {
        if self.parts.method == method {
            return Ok(());
        }
        Err(Response::status(StatusCode::METHOD_NOT_ALLOWED, "请求方法不支持"))
    }

    /// Returns a 415 if the `Content-Type` without its parameters is another one.
    pub(crate) fn expect_type(&self, expected: &str) -> Result<(), Response> {
        let essence = self
            .parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        if essence.trim().eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(Response::status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type不支持"))
    }

    /// Reads the body as JSON. Returns a 415 for another `Content-Type`, and a 400 for a body that does not
    /// fit.
    pub(crate) fn expect_json<T: DeserializeOwned>(&self) -> Result<T, Response> {
        self.expect_type("application/json")?;
        // The parser's message may quote the body, and a body may hold a password.
        serde_json::from_slice(&self.body)
            .map_err(|_| Response::status(StatusCode::BAD_REQUEST, "请求体不是有效的JSON"))
    }

    /// Reads the JSON of a `POST`. Returns a 405, 415 or 400 for anything else.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Response> {
        self.expect_method(&Method::POST)?;
        self.expect_json()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn with(authorizations: &[&str]) -> Received {
        let mut request = Request::new(());
        for value in authorizations {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().append(AUTHORIZATION, value);
        }
        Received::new(request.into_parts().0, Bytes::new())
    }

    #[test]
    fn several_authorization_headers_count_as_none() {
        assert_eq!(with(&["a"]).authorization().unwrap(), "a");
        assert_eq!(with(&["a", "a"]).authorization(), None);
        assert_eq!(with(&[]).authorization(), None);
    }
}
