//! Absolute HTTP URLs and their origins, which decide whether the token may be sent.
//!
//! A request is sent to the authority of its [`Origin`], which is also what is compared. So no spelling
//! of a URL can be checked as one host and sent to another.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::fmt;

use fluent_uri::Uri;
use fluent_uri::component::Host;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use zeroize::Zeroize;

/// The characters that are encoded in a query: all but RFC 3986's unreserved ones.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest URL. Hosts refuse longer ones.
const MAX_BYTES: usize = 32 * 1024;

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host and port, in lower case and without the default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    authority: String,
}

impl Origin {
    /// Reads an origin: a URL with nothing after host and port.
    ///
    /// # Errors
    /// Fails like [`Url::parse`], or if the URL has a path or a query.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url = Url::parse(text)?;
        if url.path_and_query != "/" {
            return Err(UrlError("must end after host and port"));
        }
        Ok(url.origin)
    }

    /// Returns the origin of a response's `Location`, or `from`, the response's own origin, for a relative
    /// reference. `None` if it is not an HTTP address. Only the start is read, because servers write
    /// characters into paths that a URL must not have.
    #[must_use]
    pub fn of_location(location: &str, from: &Self) -> Option<Self> {
        let location = location.trim();
        let is_scheme = |scheme: &&str| {
            let mut bytes = scheme.bytes();
            bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let (scheme, rest) = match location.split_once(':').filter(|(scheme, _)| is_scheme(scheme))
        {
            Some((scheme, rest)) => (scheme, rest.strip_prefix("//")?),
            None => match location.strip_prefix("//") {
                Some(rest) => (from.scheme.as_str(), rest),
                None => return Some(from.clone()),
            },
        };
        let authority = rest.split(['/', '\\', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        Self::parse(&[scheme, "://", host].concat()).ok()
    }

    /// Returns the scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns `host` or `host:port`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns `host:port`, also for the default port, as a socket needs it.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        let port = self.authority.rsplit(']').next().unwrap_or_default();
        if port.contains(':') {
            return self.authority.clone();
        }
        [&self.authority, ":", &self.scheme.default_port().to_string()].concat()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority)
    }
}

/// What is wrong with a URL, as the end of a sentence about it. Never quotes the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlError(pub &'static str);

/// An absolute `http` or `https` URL. Its `Debug` shows the origin only, because a query may have secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    origin: Origin,
    path_and_query: String,
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// Fails if it does not follow RFC 3986 (ASCII, percent-encoded), is not `http` or `https`, or has user
    /// info, a fragment, an encoded host, no host or an invalid port.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_BYTES {
            return Err(UrlError("must not be longer than 32 KiB"));
        }
        let uri = Uri::parse(text).map_err(|_| {
            UrlError("must be an absolute URL, percent-encoded where it is not ASCII")
        })?;
        let scheme = match uri.scheme().as_str() {
            scheme if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            scheme if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return Err(UrlError("must start with http:// or https://")),
        };
        let authority = uri.authority().ok_or(UrlError("must name a host"))?;
        if authority.has_userinfo() {
            return Err(UrlError("must not hold a user name or password"));
        }
        if uri.has_fragment() {
            return Err(UrlError("must not have a fragment (#…)"));
        }
        let port = match authority.port().map(|port| port.as_str()) {
            None | Some("") => None,
            Some(port) => {
                let port = port.parse::<u16>().ok().filter(|port| *port != 0);
                Some(port.ok_or(UrlError("must have a port from 1 to 65535"))?)
            }
        };
        let is_address = matches!(authority.host_parsed(), Host::Ipv4 { .. });
        if !is_address && ends_in_a_number(authority.host()) {
            return Err(UrlError("must have an IPv4 address as four decimal numbers"));
        }
        let mut authority = canonical_host(authority.host())?;
        if let Some(port) = port.filter(|port| *port != scheme.default_port()) {
            authority.push(':');
            authority.push_str(&port.to_string());
        }
        let path = uri.path().as_str();
        let mut path_and_query = if path.is_empty() { "/" } else { path }.to_owned();
        if let Some(query) = uri.query() {
            path_and_query.push('?');
            path_and_query.push_str(query.as_str());
        }
        Ok(Self { origin: Origin { scheme, authority }, path_and_query })
    }

    /// Returns the origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the path and the query, at least `/`.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Returns whether there is a query.
    #[must_use]
    pub fn has_query(&self) -> bool {
        self.path_and_query.contains('?')
    }

    /// Returns whether the URL is longer than hosts allow.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.path_and_query.len() > MAX_BYTES
    }

    /// Appends a path segment. The URL must not have a query.
    #[must_use]
    pub fn join(&self, segment: &str) -> Self {
        let base = self.path_and_query.trim_end_matches('/');
        let path_and_query = [base, "/", segment].concat();
        Self { origin: self.origin.clone(), path_and_query }
    }

    /// Appends a pair to the query, percent-encoded.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.path_and_query.push(if self.has_query() { '&' } else { '?' });
        self.path_and_query.extend(encode(name));
        self.path_and_query.push('=');
        self.path_and_query.extend(encode(value));
        self
    }

    /// Appends all these pairs to the query. Allocates once, so that no copy of a secret stays in memory.
    #[must_use]
    pub fn with_queries(mut self, pairs: &[(&str, &str)]) -> Self {
        let longest = |(name, value): &(&str, &str)| 2 + 3 * (name.len() + value.len());
        self.path_and_query.reserve_exact(pairs.iter().map(longest).sum());
        pairs.iter().fold(self, |url, (name, value)| url.with_query(name, value))
    }
}

/// Wipes the path and the query, because the query of a login has secrets. Keeps the origin.
impl Zeroize for Url {
    fn zeroize(&mut self) {
        self.path_and_query.zeroize();
    }
}

/// Percent-encodes a name or value of a query or a form.
#[must_use]
pub fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, QUERY)
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin)
    }
}

fn canonical_host(host: &str) -> Result<String, UrlError> {
    if host.is_empty() {
        return Err(UrlError("must name a host"));
    }
    // A literal in brackets. The parser has checked its form.
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if literal.is_some_and(|literal| {
        literal.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
    }) {
        return Ok(host.to_ascii_lowercase());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !host.bytes().all(plain) {
        return Err(UrlError("must have a host of letters, digits, '-', '.' and '_'"));
    }
    Ok(host.to_ascii_lowercase())
}

/// Returns whether some parsers read the host as an IPv4 address: to them `127.1`, `0x7f000001`,
/// `2130706433` and `127.0.0.1.` are one address, to others four names.
fn ends_in_a_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_has_an_origin() {
        let url = Url::parse("https://a.test/x").unwrap();
        for (location, origin) in [
            ("http://b.test:8080/sso?secret=1#/home", Some("http://b.test:8080")),
            ("HTTP://B.test", Some("http://b.test")),
            ("//c.test/login", Some("https://c.test")),
            ("/login?from=http://d.test", Some("https://a.test")),
            ("login#x", Some("https://a.test")),
            ("", Some("https://a.test")),
            ("http://user:pw@e.test/", Some("http://e.test")),
            ("http://", None),
            ("ftp://f.test/", None),
            ("javascript:alert(1)", None),
        ] {
            let found =
                Origin::of_location(location, url.origin()).map(|origin| origin.to_string());
            assert_eq!(found.as_deref(), origin, "{location}");
        }
    }

    fn origin(text: &str) -> String {
        Url::parse(text).unwrap().origin().to_string()
    }

    #[test]
    fn spellings_of_one_origin_are_one_origin() {
        for text in [
            "http://Oge.Example/a",
            "HTTP://oge.example:80/b?c",
            "http://oge.example:/",
            "http://oge.example:0080",
        ] {
            assert_eq!(origin(text), "http://oge.example", "{text}");
        }
        assert_eq!(origin("https://[::FFFF:127.0.0.1]:443/"), "https://[::ffff:127.0.0.1]");
    }

    #[test]
    fn different_origins_are_not_equal() {
        for text in [
            "https://oge.example",
            "http://oge.example:8080",
            "http://oge.example.",
            "http://oge.example.evil.test",
            "http://evil.test/oge.example",
            "http://evil.test?@oge.example",
            "http://[::1]",
        ] {
            assert_ne!(origin(text), "http://oge.example", "{text}");
        }
    }

    #[test]
    fn ambiguous_urls_are_refused() {
        for text in [
            "",
            "oge.example",
            "//oge.example/a",
            "ftp://oge.example",
            "http:///a",
            "http://:80/",
            "http://oge.example@evil.test/",
            "http://oge.example:pw@evil.test/",
            "http://@oge.example",
            "http://oge%2eexample/",
            "http://oge.example%00.evil.test/",
            "http://oge.example\\@evil.test",
            "http://oge.example:99999/",
            "http://oge.example:0/",
            "http://oge.example/#a",
            "http://oge.example/坡",
            "http://坡.example/",
            "http://oge.example/a b",
            "http://oge.example/\r\nX: y",
            " http://oge.example",
            "http://[::1%25eth0]/",
            "http://[v1.a]/",
            "http://oge.example:8 0/",
            "http://oge.example/%zz",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0X7F.0.0.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.01/",
            "http://127.0.0.1./",
            "http://127.0.0.256/",
            "http://127.0.0.0x/",
            "http://oge.example.1/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_with_numbers_that_is_not_an_address_is_accepted() {
        for host in ["127.0.0.1", "255.255.255.255", "1.oge", "10x", "0xg", "127.0.0.1.oge", "x0x1"]
        {
            assert_eq!(origin(&["http://", host].concat()), ["http://", host].concat());
        }
    }

    #[test]
    fn a_query_is_percent_encoded_and_appended() {
        let url =
            Url::parse("http://h/a").unwrap().with_query("dagId", "a b&c=坡").with_query("x", "");
        assert_eq!(url.path_and_query(), "/a?dagId=a%20b%26c%3D%E5%9D%A1&x=");
    }

    #[test]
    fn joining_puts_one_slash_between_segments() {
        for base in ["http://h/api", "http://h/api/"] {
            assert_eq!(
                Url::parse(base).unwrap().join("getState").path_and_query(),
                "/api/getState"
            );
        }
        assert_eq!(Url::parse("http://h").unwrap().join("getState").path_and_query(), "/getState");
    }

    #[test]
    fn an_origin_ends_after_host_and_port() {
        assert!(Origin::parse("http://h:1").is_ok() && Origin::parse("http://h:1/").is_ok());
        assert!(Origin::parse("http://h:1/a").is_err() && Origin::parse("http://h/?q").is_err());
    }

    #[test]
    fn a_sockets_address_has_the_default_port() {
        for (text, expected) in [
            ("http://h", "h:80"),
            ("https://h", "h:443"),
            ("https://h:8443", "h:8443"),
            ("http://[::1]", "[::1]:80"),
            ("http://[::1]:81", "[::1]:81"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().host_and_port(), expected, "{text}");
        }
    }

    #[test]
    fn the_origin_of_a_location_shows_nothing_else_of_it() {
        let from = Origin::parse("http://oge.test:81").unwrap();
        for (location, origin) in [
            ("https://sso.test/login?next=SECRET", Some("https://sso.test")),
            (" HTTPS://SSO.test:443/登录 页#x ", Some("https://sso.test")),
            ("http://user:SECRET@sso.test:8080", Some("http://sso.test:8080")),
            ("http://sso.test?a@b", Some("http://sso.test")),
            ("//sso.test/x", Some("http://sso.test")),
            ("/process/", Some("http://oge.test:81")),
            ("login?to=http://sso.test/", Some("http://oge.test:81")),
            ("", Some("http://oge.test:81")),
            ("ftp://sso.test/", None),
            ("javascript:alert(1)", None),
            ("http://", None),
            ("http://SECRET secret/", None),
        ] {
            let found = Origin::of_location(location, &from).map(|origin| origin.to_string());
            assert_eq!(found.as_deref(), origin, "{location}");
        }
    }

    #[test]
    fn debug_shows_no_query() {
        assert_eq!(
            alloc::format!("{:?}", Url::parse("http://h/a?k=MARKER").unwrap()),
            "http://h/…"
        );
    }
}
