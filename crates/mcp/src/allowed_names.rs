//! Checks the name by which the server is called (`Host`) and the page that calls it (`Origin`).
//!
//! A page in a browser can send requests to any address, and can make its own domain name resolve to this
//! machine. So both names must be in a list. Loopback names always are. The SDK's checks are off, so that
//! there is one rule and the refusal names the setting.

use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderMap, HeaderValue, StatusCode};
use oge_tools::settings::list;
use oge_tools::url::{Origin, Scheme};

use crate::access::Refusal;

const LOOPBACK_ORIGINS: &str = "http://localhost:*,http://127.0.0.1:*,http://[::1]:*,\
    https://localhost:*,https://127.0.0.1:*,https://[::1]:*";
const LOOPBACK_HOSTS: &str = "localhost,127.0.0.1,[::1]";

const NO_ORIGIN: &str = "OGE_MCP_ALLOWED_ORIGINS has an entry that is not an origin: write \
    https://app.example:443, or https://app.example:* for any port\n";
const NO_HOST: &str = "OGE_MCP_ALLOWED_HOSTS has an entry that is not a host: write oge.example or \
    oge.example:8443\n";
const BAD_HOST: &str = "the request must have one Host header, with a host name in ASCII\n";
const FOREIGN_HOST: &str = "this Host is not allowed: add the name to OGE_MCP_ALLOWED_HOSTS in the \
    server's settings\n";
pub(crate) const FOREIGN_ORIGIN: &str = "this Origin is not allowed: add it to OGE_MCP_ALLOWED_ORIGINS in the \
    server's settings\n";

/// The page that a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The request has no `Origin`, so it is not from a page.
    None,
    /// An allowed page, with its `Origin`.
    Allowed(HeaderValue),
    /// A page that is not allowed.
    Foreign,
}

/// The allowed names.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedNames {
    origins: Vec<Allowed>,
    hosts: Vec<Allowed>,
}

impl AllowedNames {
    /// Reads the settings.
    ///
    /// # Errors
    /// AllowedNames the setting that has a bad entry.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, &'static str> {
        let read = |key, loopback: &str, parse: fn(&str) -> Option<Allowed>, bad| {
            let entries = [loopback, &get(key).unwrap_or_default()].join(",");
            list(Some(entries), |entry| parse(entry).ok_or(bad))
        };
        Ok(Self {
            origins: read("OGE_MCP_ALLOWED_ORIGINS", LOOPBACK_ORIGINS, Allowed::origin, NO_ORIGIN)?,
            hosts: read("OGE_MCP_ALLOWED_HOSTS", LOOPBACK_HOSTS, Allowed::host, NO_HOST)?,
        })
    }

    /// Checks the `Host` of a request.
    ///
    /// # Errors
    /// Returns a 400 if it is missing or not a host, and a 403 if it is not allowed.
    pub(crate) fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = only(headers, &HOST).and_then(host);
        let (status, message) = match host {
            None => (StatusCode::BAD_REQUEST, BAD_HOST),
            Some(host) if self.hosts.iter().any(|allowed| allowed.matches(&host)) => return Ok(()),
            Some(_) => (StatusCode::FORBIDDEN, FOREIGN_HOST),
        };
        Err(Refusal { status, challenge: None, message })
    }

    /// Returns the page that a request comes from.
    pub(crate) fn page(&self, headers: &HeaderMap) -> Page {
        if !headers.contains_key(ORIGIN) {
            return Page::None;
        }
        let name = only(headers, &ORIGIN).and_then(Name::parse);
        let is_allowed = |name| self.origins.iter().any(|allowed| allowed.matches(&name));
        match headers.get(ORIGIN) {
            Some(origin) if name.is_some_and(is_allowed) => Page::Allowed(origin.clone()),
            _ => Page::Foreign,
        }
    }
}

/// Returns the value of a header that occurs once, as text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

/// Parses a host with an optional port. An IPv6 address is in brackets.
fn host(text: &str) -> Option<Name> {
    Name::parse(&["http://", text].concat()).filter(|_| !text.contains('/'))
}

fn has_port(authority: &str) -> bool {
    authority.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

/// Scheme, host and port. The default port is explicit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    scheme: Scheme,
    host: String,
    port: String,
}

impl Name {
    fn parse(origin: &str) -> Option<Self> {
        let origin = Origin::parse(origin).ok()?;
        let authority = origin.host_and_port();
        let (host, port) = authority.rsplit_once(':')?;
        Some(Self { scheme: origin.scheme(), host: host.to_owned(), port: port.to_owned() })
    }
}

/// An entry of a list: a name, with its port or with any port.
#[derive(Clone, Debug)]
struct Allowed {
    name: Name,
    any_port: bool,
}

impl Allowed {
    /// Parses an origin. `:*` means any port.
    fn origin(entry: &str) -> Option<Self> {
        let base = entry.strip_suffix(":*");
        let is_unambiguous =
            !base.is_some_and(|base| has_port(base.split_once("//").unwrap_or_default().1));
        let name = Name::parse(base.unwrap_or(entry)).filter(|_| is_unambiguous)?;
        Some(Self { name, any_port: base.is_some() })
    }

    /// Parses a host. Without a port it means any port. An IPv6 address may lack its brackets.
    fn host(entry: &str) -> Option<Self> {
        let bare = entry.parse::<std::net::Ipv6Addr>().is_ok();
        let entry = if bare { format!("[{entry}]") } else { entry.to_owned() };
        Some(Self { name: host(&entry)?, any_port: !has_port(&entry) })
    }

    fn matches(&self, name: &Name) -> bool {
        let Name { scheme, host, port } = &self.name;
        *scheme == name.scheme && *host == name.host && (self.any_port || *port == name.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(origins: &str, hosts: &str) -> Result<AllowedNames, &'static str> {
        AllowedNames::read(|key| {
            Some(if key == "OGE_MCP_ALLOWED_ORIGINS" { origins } else { hosts }.to_owned())
        })
    }

    fn headers(name: &HeaderName, values: &[&[u8]]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_bytes(value).unwrap());
        values.map(|value| (name.clone(), value)).collect()
    }

    #[test]
    fn a_host_is_allowed_refused_or_invalid() {
        let names = names("", "oge.example, a.example:8443, fe80::1").unwrap();
        for (hosts, expected) in [
            (&["localhost"][..], 200),
            (&["LOCALHOST:8080"], 200),
            (&["127.0.0.1:1"], 200),
            (&["[::1]:80"], 200),
            (&["[fe80::1]:80"], 200),
            (&["oge.example:1"], 200),
            (&["a.example:8443"], 200),
            (&["a.example"], 403),
            (&["evil.example"], 403),
            (&["127.0.0.1.evil.example"], 403),
            (&["localhost."], 403),
            (&["oge.example@evil.example"], 400),
            (&["localhost/"], 400),
            (&["localhost:port"], 400),
            (&[""], 400),
            (&["坡"], 400),
            (&["localhost", "localhost"], 400),
            (&[], 400),
        ] {
            let hosts: Vec<_> = hosts.iter().map(|host| host.as_bytes()).collect();
            let checked = names.check_host(&headers(&HOST, &hosts));
            let status = checked.as_ref().map_or_else(|refusal| refusal.status.as_u16(), |()| 200);
            assert_eq!(status, expected, "{hosts:?}");
            if status == 403 {
                assert!(checked.unwrap_err().message.contains("OGE_MCP_ALLOWED_HOSTS"));
            }
        }
    }

    #[test]
    fn a_page_is_allowed_by_its_whole_origin() {
        let names =
            names("https://a.example, http://b.example:*, http://c.example:81", "").unwrap();
        for (origin, is_allowed) in [
            ("http://localhost:5173", true),
            ("https://[::1]", true),
            ("https://a.example", true),
            ("https://a.example:443", true),
            ("https://a.example:8443", false),
            ("http://a.example", false),
            ("http://b.example", true),
            ("http://b.example:9", true),
            ("https://b.example", false),
            ("http://c.example:81", true),
            ("http://c.example", false),
            ("http://localhost.evil.example", false),
            ("http://localhost@evil.example", false),
            ("null", false),
            ("", false),
            ("坡", false),
            ("file://", false),
        ] {
            let page = names.page(&headers(&ORIGIN, &[origin.as_bytes()]));
            let expected = match is_allowed {
                true => Page::Allowed(HeaderValue::from_bytes(origin.as_bytes()).unwrap()),
                false => Page::Foreign,
            };
            assert_eq!(page, expected, "{origin}");
        }
        assert_eq!(names.page(&HeaderMap::new()), Page::None);
        let twice: [&[u8]; 2] = [b"http://localhost", b"http://evil.example"];
        assert_eq!(names.page(&headers(&ORIGIN, &twice)), Page::Foreign);
    }

    #[test]
    fn a_bad_entry_names_its_setting() {
        for origin in ["a.example", "http://a/b", "null", "*", "http://a:1:*"] {
            assert_eq!(names(origin, "").unwrap_err(), NO_ORIGIN, "{origin}");
        }
        for host in ["http://a", "a/b", "a:*", "*.example"] {
            assert_eq!(names("", host).unwrap_err(), NO_HOST, "{host}");
        }
        assert!(names("https://a.example:443, ,", "[::1]:80,a:1").is_ok());
    }
}
