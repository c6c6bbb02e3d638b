//! A response before it is sent.

use std::fmt::Write;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use serde_json::json;

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

/// A status, a type and a body. It has no `Debug`, since it may carry a token.
#[derive(Clone)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) location: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

impl Response {
    /// Returns a response of JSON text.
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: Some(JSON), location: None, body: body.into() }
    }

    /// Returns a response of any type. Omits a `Content-Type` that cannot be a header.
    pub(crate) fn typed(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { content_type: HeaderValue::from_str(content_type).ok(), ..Self::json(status, body) }
    }

    /// Returns HTTP 200 with a code, which is how the platform reports failures.
    pub(crate) fn code(code: i64, message: &str) -> Self {
        Self::json(StatusCode::OK, envelope(code, message))
    }

    /// Returns an HTTP status with the same number as the code.
    pub(crate) fn status(status: StatusCode, message: &str) -> Self {
        Self::json(status, envelope(status.as_u16().into(), message))
    }

    /// Converts the response for hyper, which computes the `Content-Length`.
    pub(crate) fn into_response<B>(self, body: impl FnOnce(Bytes) -> B) -> http::Response<B> {
        let mut response = http::Response::new(body(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.content_type.map(|value| (CONTENT_TYPE, value)));
        headers.extend(self.location.map(|value| (LOCATION, value)));
        response
    }

    /// Returns the response as bytes, with additional header lines, a `Content-Length` that may be wrong,
    /// and the first `sent` bytes of the body.
    pub(crate) fn into_wire(self, more: &str, stated_length: usize, sent: usize) -> Bytes {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in [("content-type", &self.content_type), ("location", &self.location)] {
            if let Some(value) = value.as_ref().and_then(|value| value.to_str().ok()) {
                // Writing to a string cannot fail.
                let _ = write!(head, "{name}: {value}\r\n");
            }
        }
        let _ = write!(head, "{more}content-length: {stated_length}\r\n\r\n");
        let body = self.body.slice(..sent.min(self.body.len()));
        [head.as_bytes(), &body].concat().into()
    }
}

/// Returns a final status. A number that is none (1xx, or outside the range) becomes 500.
pub(crate) fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn envelope(code: i64, message: &str) -> String {
    let message = json!(message);
    format!(r#"{{"code":{code},"msg":{message},"data":null}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_takes_any_content_length_and_body_part() {
        let response = Response::typed(StatusCode::OK, "text/plain", "abcdef");
        assert_eq!(
            response.clone().into_wire("x: y\r\n", 9, 3),
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx: y\r\ncontent-length: 9\r\n\r\nabc"
        );
        assert!(response.into_wire("", 2, 99).ends_with(b"2\r\n\r\nabcdef"));
    }

    #[test]
    fn a_number_that_is_no_final_status_becomes_500() {
        assert_eq!([99, 100, 1000].map(|n| status(n).as_u16()), [500; 3]);
        assert_eq!([200, 302, 404, 599].map(|n| status(n).as_u16()), [200, 302, 404, 599]);
    }

    #[test]
    fn a_message_is_escaped() {
        let body: serde_json::Value =
            serde_json::from_slice(&Response::code(500, "a \"b\"\n").body).unwrap();
        assert_eq!(body, json!({"code": 500, "msg": "a \"b\"\n", "data": null}));
    }
}
