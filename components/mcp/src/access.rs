//! Who may call over HTTP.
//!
//! The component cannot see who its peer is, so it is closed until a setting opens it: to whoever
//! knows `OGE_MCP_BEARER`, or, where `OGE_MCP_UNAUTHENTICATED=1` says so, to all who reach the port.

use std::net::Ipv6Addr;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use oge_tools::secret::Secret;
use oge_tools::settings::{FILE_PROBLEM, list};
use oge_tools::url::Origin;
use subtle::ConstantTimeEq as _;

/// The origins and hosts that a browser on this machine uses.
const LOOPBACK_ORIGINS: [&str; 6] = [
    "http://localhost:*",
    "http://127.0.0.1:*",
    "http://[::1]:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://[::1]:*",
];
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const NO_ORIGIN: &str = "OGE_MCP_ALLOWED_ORIGINS has an entry that is no origin: write \
    https://app.example:443, or https://app.example:* for any port\n";
const NO_HOST: &str = "OGE_MCP_ALLOWED_HOSTS has an entry that is no host: write oge.example or \
    oge.example:8443\n";

const BAD_FILE: &str = "OGE_SETTINGS_FILE cannot be used: the server's log says why\n";

/// What the settings say of who may call.
#[derive(Clone, Debug)]
pub struct Access {
    door: Door,
    /// Origins of pages that may call.
    pub origins: Vec<String>,
    /// Names under which the server may be called.
    pub hosts: Vec<String>,
}

#[derive(Clone, Debug)]
enum Door {
    /// To all.
    Open,
    /// To who knows this.
    Bearer(Secret),
    /// To nobody, for this reason.
    Closed(&'static str),
}

impl Door {
    fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |key: &str| get(key).filter(|value| !value.trim().is_empty());
        let bearer = set("OGE_MCP_BEARER").map(Secret::new);
        let unauthenticated = set("OGE_MCP_UNAUTHENTICATED");
        let unauthenticated = unauthenticated.as_deref().map(str::trim);
        match (bearer, unauthenticated) {
            (Some(bearer), None | Some("0")) if is_token(bearer.expose().trim()) => {
                Self::Bearer(Secret::new(bearer.expose().trim()))
            }
            (Some(_), None | Some("0")) => Self::Closed(
                "OGE_MCP_BEARER holds a blank or a character that no header carries: use letters, \
                 digits and -._~+/= alone\n",
            ),
            (Some(_), Some(_)) => Self::Closed(
                "OGE_MCP_BEARER and OGE_MCP_UNAUTHENTICATED are both set: leave one out\n",
            ),
            (None, Some("1")) => Self::Open,
            (None, None | Some("0")) => Self::Closed(
                "OGE_MCP_BEARER is not set: set it to a secret that clients then send as \
                 Authorization: Bearer, or set OGE_MCP_UNAUTHENTICATED=1 to let everybody call who \
                 reaches this port\n",
            ),
            (None, Some(_)) => Self::Closed("OGE_MCP_UNAUTHENTICATED must be 1 or 0\n"),
        }
    }
}

/// A refusal: the status, the challenge of RFC 6750 where there is one, and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 401 or 503.
    pub status: StatusCode,
    /// The value of `WWW-Authenticate`.
    pub challenge: Option<HeaderValue>,
    /// What to do.
    pub message: &'static str,
}

impl Access {
    /// Reads the settings through `get`, which answers a key's value. A blank value is no value, and a
    /// bad one closes the door.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        if get(FILE_PROBLEM).is_some() {
            return Self { door: Door::Closed(BAD_FILE), origins: Vec::new(), hosts: Vec::new() };
        }
        let allowed = |key: &str, own: &[&str], is_one: fn(&str) -> bool, refusal| {
            let more =
                list(get(key), |entry| is_one(entry).then(|| entry.to_owned()).ok_or(refusal));
            more.map(|more| own.iter().map(|own| (*own).to_owned()).chain(more).collect())
        };
        let origins = allowed("OGE_MCP_ALLOWED_ORIGINS", &LOOPBACK_ORIGINS, is_origin, NO_ORIGIN);
        let hosts = allowed("OGE_MCP_ALLOWED_HOSTS", &LOOPBACK_HOSTS, is_host, NO_HOST);
        match (origins, hosts) {
            (Ok(origins), Ok(hosts)) => Self { door: Door::read(get), origins, hosts },
            (Err(refusal), _) | (_, Err(refusal)) => {
                Self { door: Door::Closed(refusal), origins: Vec::new(), hosts: Vec::new() }
            }
        }
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// What it is answered otherwise.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let bearer = match &self.door {
            Door::Open => return Ok(()),
            Door::Closed(message) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Err(Refusal { status, challenge: None, message });
            }
            Door::Bearer(bearer) => bearer,
        };
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let refusal = match (given.next(), given.next()) {
            (None, _) => ("Bearer realm=\"oge-mcp\"", "Authorization: Bearer is missing\n"),
            (Some(given), None) if is_bearer(given, bearer) => return Ok(()),
            (Some(_), _) => (
                "Bearer realm=\"oge-mcp\", error=\"invalid_token\"",
                "this is not the token that OGE_MCP_BEARER says\n",
            ),
        };
        let (challenge, message) = refusal;
        let challenge = Some(HeaderValue::from_static(challenge));
        Err(Refusal { status: StatusCode::UNAUTHORIZED, challenge, message })
    }
}

/// An origin, with `:*` for any port.
fn is_origin(entry: &str) -> bool {
    Origin::parse(entry.strip_suffix(":*").unwrap_or(entry)).is_ok()
}

/// A host, with a port or without, an IPv6 address in brackets or not.
fn is_host(entry: &str) -> bool {
    entry.parse::<Ipv6Addr>().is_ok() || Origin::parse(&format!("http://{entry}")).is_ok()
}

/// RFC 6750's `b64token`.
fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

/// Compared in a time that tells nothing of where they differ.
fn is_bearer(given: &HeaderValue, bearer: &Secret) -> bool {
    let Some((scheme, token)) = given.as_bytes().split_at_checked(7) else { return false };
    let is_scheme = scheme.eq_ignore_ascii_case(b"Bearer ");
    is_scheme && bool::from(token.trim_ascii().ct_eq(bearer.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(pairs: &[(&str, &str)]) -> Access {
        Access::read(|key| {
            pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
        })
    }

    fn status(access: &Access, authorization: &[&str]) -> u16 {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        access.admit(&headers).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn the_bearer_opens() {
        let access = access(&[("OGE_MCP_BEARER", " s3cret ")]);
        for (authorization, expected) in [
            (&["Bearer s3cret"][..], 200),
            (&["bearer s3cret"], 200),
            (&["Bearer  s3cret"], 200),
            (&[], 401),
            (&[""], 401),
            (&["Bearer"], 401),
            (&["Bearer "], 401),
            (&["Bearer s3cre"], 401),
            (&["Bearer s3crets"], 401),
            (&["Basic s3cret"], 401),
            (&["s3cret"], 401),
            (&["Bearer s3cret", "Bearer x"], 401),
        ] {
            assert_eq!(status(&access, authorization), expected, "{authorization:?}");
        }
    }

    #[test]
    fn a_refusal_challenges_as_rfc_6750_says() {
        let access = access(&[("OGE_MCP_BEARER", "s")]);
        let refusal = access.admit(&HeaderMap::new()).unwrap_err();
        assert_eq!(refusal.challenge.unwrap(), "Bearer realm=\"oge-mcp\"");
    }

    #[test]
    fn it_is_closed_until_a_setting_opens_it() {
        for (settings, expected) in [
            (&[][..], 503),
            (&[("OGE_MCP_BEARER", " ")], 503),
            (&[("OGE_MCP_UNAUTHENTICATED", "1")], 200),
            (&[("OGE_MCP_UNAUTHENTICATED", "0")], 503),
            (&[("OGE_MCP_UNAUTHENTICATED", "true")], 503),
            (&[("OGE_MCP_BEARER", "s"), ("OGE_MCP_UNAUTHENTICATED", "1")], 503),
            (&[("OGE_MCP_BEARER", "s"), ("OGE_MCP_UNAUTHENTICATED", "0")], 401),
            (&[("OGE_MCP_BEARER", "a b")], 503),
            (&[("OGE_MCP_UNAUTHENTICATED", "1"), (FILE_PROBLEM, "line 3: why")], 503),
            (&[("OGE_MCP_BEARER", "密")], 503),
            (&[("OGE_MCP_UNAUTHENTICATED", "1"), ("OGE_MCP_ALLOWED_ORIGINS", "a.example")], 503),
            (&[("OGE_MCP_UNAUTHENTICATED", "1"), ("OGE_MCP_ALLOWED_ORIGINS", "http://a/b")], 503),
            (&[("OGE_MCP_UNAUTHENTICATED", "1"), ("OGE_MCP_ALLOWED_HOSTS", "http://a")], 503),
            (&[("OGE_MCP_UNAUTHENTICATED", "1"), ("OGE_MCP_ALLOWED_HOSTS", "[::1]:80,a:1")], 200),
        ] {
            assert_eq!(status(&access(settings), &[]), expected, "{settings:?}");
        }
    }

    #[test]
    fn loopback_stays_allowed_beside_what_is_added() {
        let access = access(&[
            ("OGE_MCP_ALLOWED_ORIGINS", "https://a.example:443, ,"),
            ("OGE_MCP_ALLOWED_HOSTS", "a.example"),
        ]);
        assert_eq!(access.origins.last().unwrap(), "https://a.example:443");
        assert_eq!(access.origins.len(), LOOPBACK_ORIGINS.len() + 1);
        assert_eq!(access.hosts, ["localhost", "127.0.0.1", "::1", "a.example"]);
    }

    #[test]
    fn debug_shows_no_bearer() {
        assert!(!format!("{:?}", access(&[("OGE_MCP_BEARER", "MARKER")])).contains("MARKER"));
    }
}
