//! One request to the platform, without its `Authorization`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use zeroize::Zeroize;

use crate::secret::Secret;
use crate::url::Url;

/// An HTTP method: an RFC 9110 token, sent in capitals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(String);

impl Method {
    /// Returns `GET`.
    #[must_use]
    pub fn get() -> Self {
        Self("GET".into())
    }

    /// Returns `POST`.
    #[must_use]
    pub fn post() -> Self {
        Self("POST".into())
    }

    /// Reads a method. `None` if it is not an RFC 9110 token, or is `CONNECT`, `TRACE` or `TRACK`:
    /// `CONNECT` requests no resource, and a response to the others echoes the `Authorization`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let method = text.to_ascii_uppercase();
        let refused = ["CONNECT", "TRACE", "TRACK"].contains(&method.as_str());
        (is_token(&method) && !refused).then_some(Self(method))
    }

    /// Returns the method in capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One header. Its value may be a secret, so it is always treated as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name, in lower case.
    pub name: String,
    /// The value.
    pub value: Secret,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// Fails if the name is not an RFC 9110 token or the connection sets it, or if the value is too long,
    /// has control characters or is not ASCII. The error is the end of a sentence about the header.
    pub fn parse(name: &str, value: &str) -> Result<Self, &'static str> {
        if !is_token(name) {
            return Err("must have a name of letters, digits and '-'");
        }
        let name = name.to_ascii_lowercase();
        if DECIDED_BY_THE_CONNECTION.contains(&name.as_str()) {
            return Err("must not be one that the connection itself decides");
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err("must not have a value longer than 16 KiB");
        }
        if !is_header_value(value) {
            return Err("must have a value of visible ASCII characters and blanks");
        }
        Ok(Self { name, value: Secret::new(value.trim_matches([' ', '\t'])) })
    }

    /// Returns whether the value must be hidden in responses: the name is that of a secret, and the value
    /// is long enough to be one.
    #[must_use]
    pub fn is_private(&self) -> bool {
        if self.value.expose().len() < 8 {
            return false;
        }
        let private = ["auth", "cookie", "key", "secret", "token"];
        let name = self.name.as_bytes();
        // Names are short, so this is faster than a prepared search.
        private.iter().any(|part| name.windows(part.len()).any(|at| at == part.as_bytes()))
    }
}

/// A header of every request, which callers cannot set. Decoding a compressed response costs code and
/// memory, and encoding it costs the server time.
pub const ACCEPT_ENCODING: (&str, &str) = ("accept-encoding", "identity");

/// The longest value of a header.
pub(crate) const MAX_VALUE_BYTES: usize = 16 * 1024;

/// Headers that callers cannot set: with some of them a caller could smuggle a second request into the
/// connection, and others ask for a compressed or partial response. `content-length` is set from the body.
const DECIDED_BY_THE_CONNECTION: &[&str] = &[
    "accept-encoding",
    "range",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request to the platform: everything that a retry repeats. `Authorization` is added when it is sent,
/// from the current token.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The operation's label, for messages.
    pub operation: &'static str,
    /// The method.
    pub method: Method,
    /// The URL with its query.
    pub url: Url,
    /// The setting or argument that gave the URL, for messages.
    pub url_from: &'static str,
    /// Headers, without the `Authorization` that the call rule adds.
    pub headers: Vec<Header>,
    /// The body. `None` sends no body.
    pub body: Option<String>,
    /// The time limit of one attempt: connect, send, wait, read.
    pub timeout: Duration,
}

impl Request {
    /// Returns a request with `Content-Type: application/json`, even without a body. `url_from` is the
    /// argument `url`.
    #[must_use]
    pub fn json(
        operation: &'static str,
        method: Method,
        url: Url,
        body: Option<String>,
        timeout: Duration,
    ) -> Self {
        let headers = alloc::vec![Header {
            name: "content-type".into(),
            value: Secret::new("application/json"),
        }];
        Self { operation, method, url, url_from: "url", headers, body, timeout }
    }
}

/// Wipes the path, the query and the body. The headers wipe themselves on drop.
impl Zeroize for Request {
    fn zeroize(&mut self) {
        self.url.zeroize();
        self.body.zeroize();
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.method.as_str(), self.url)
    }
}

/// Returns whether `text` can be a header's value: visible ASCII, blanks and tabs.
pub(crate) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t')
}

fn is_token(text: &str) -> bool {
    let mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_method_is_sent_in_capitals() {
        assert_eq!(Method::parse("patch").unwrap().as_str(), "PATCH");
    }

    #[test]
    fn invalid_and_unsafe_methods_are_refused() {
        for text in ["", "GET /", "GET\r\n", "CONNECT", "connect", "trace", "TRACK", "方法"] {
            assert!(Method::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn headers_that_could_smuggle_a_request_are_refused() {
        for (name, value) in [
            ("X-A", "b\r\nX-C: d"),
            ("X-A", "b\n d"),
            ("X-A", "b\0"),
            ("X-A\r\nX-B", "c"),
            ("X A", "b"),
            ("", "b"),
            ("X-A", "坡"),
            ("Host", "evil.test"),
            ("Content-Length", "1"),
            ("transfer-encoding", "chunked"),
        ] {
            assert!(Header::parse(name, value).is_err(), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn debug_shows_neither_query_nor_header_nor_body() {
        let mut request = Request::json(
            "x",
            Method::post(),
            Url::parse("http://h/a?k=MARKER").unwrap(),
            Some("MARKER".into()),
            Duration::from_secs(1),
        );
        request.headers.push(Header::parse("x-key", "MARKER").unwrap());
        assert_eq!(format!("{request:?}"), "POST http://h/…");
    }
}
