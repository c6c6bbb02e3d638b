//! One request to the platform, without the `Authorization` it will carry.

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
    /// `GET`.
    #[must_use]
    pub fn get() -> Self {
        Self("GET".into())
    }

    /// `POST`.
    #[must_use]
    pub fn post() -> Self {
        Self("POST".into())
    }

    /// Reads a method; none where it is not an RFC 9110 token, is `CONNECT`, which is no request for
    /// a resource, or is `TRACE` or `TRACK`, whose answer repeats the `Authorization` it was sent.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let method = text.to_ascii_uppercase();
        let refused = ["CONNECT", "TRACE", "TRACK"].contains(&method.as_str());
        (is_token(&method) && !refused).then_some(Self(method))
    }

    /// The method as sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One header. Its value may be anything, so it is treated as a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name, in lower case.
    pub name: String,
    /// The value.
    pub value: Secret,
}

impl Header {
    /// Reads a header; else what is wrong with it, as the end of a sentence about it.
    ///
    /// # Errors
    /// Where the name is not an RFC 9110 token or is one that the connection decides, or the value
    /// has control characters or is not ASCII.
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

    /// Whether the value must not be seen in what the platform answers: the name says so, and the
    /// value is long enough to be one.
    #[must_use]
    pub fn is_private(&self) -> bool {
        if self.value.expose().len() < 8 {
            return false;
        }
        let private = ["auth", "cookie", "key", "secret", "token"];
        let name = self.name.as_bytes();
        // Names are short: a search that prepares itself first takes longer.
        private.iter().any(|part| name.windows(part.len()).any(|at| at == part.as_bytes()))
    }
}

/// A header that every request carries and no caller decides: a compressed response costs code and
/// memory here, and its sender time.
pub const ACCEPT_ENCODING: (&str, &str) = ("accept-encoding", "identity");

/// The longest value of a header.
pub(crate) const MAX_VALUE_BYTES: usize = 16 * 1024;

/// Headers that say how a message travels, or ask for an answer that cannot be judged: compressed, or
/// a part. A caller who could set them could smuggle a second
/// request into the connection; `content-length` is set from the body.
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

/// What is asked of the platform: everything a retry repeats. `Authorization` is put in when it is
/// sent, from the token as it is then.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The operation's label, for messages.
    pub operation: &'static str,
    /// The method.
    pub method: Method,
    /// The URL, query and all.
    pub url: Url,
    /// What names the URL: the setting, or an argument. For messages.
    pub url_from: &'static str,
    /// Headers, without the `Authorization` that the call rule decides.
    pub headers: Vec<Header>,
    /// The body; none sends none.
    pub body: Option<String>,
    /// For one whole attempt: connect, send, wait, read.
    pub timeout: Duration,
}

impl Request {
    /// A request with a JSON body or none, `Content-Type: application/json` either way. The URL is the
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

/// Wipes the query and the body. The headers wipe themselves.
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

/// Whether `text` can be a header's value: visible ASCII, blanks and tabs.
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
    fn what_is_no_method_is_refused() {
        for text in ["", "GET /", "GET\r\n", "CONNECT", "connect", "trace", "TRACK", "方法"] {
            assert!(Method::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn headers_that_could_smuggle_are_refused() {
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
