//! Who may call over HTTP.
//!
//! The component cannot see who its peer is, so it is closed until a setting opens it: to whoever
//! knows `OGE_MCP_BEARER`, or, where `OGE_MCP_UNAUTHENTICATED=1` says so, to all who reach the port.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oge_tools::secret::Secret;
use oge_tools::settings::FILE_PROBLEM;
use subtle::ConstantTimeEq as _;

use crate::cors::is_preflight;
use crate::names::{FOREIGN_ORIGIN, Names, Page};

const BAD_FILE: &str = "OGE_SETTINGS_FILE cannot be used: the server's log says why\n";

/// What the settings say of who may call.
#[derive(Clone, Debug)]
pub struct Access {
    door: Door,
    names: Names,
}

/// A request that is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// A call.
    Call,
    /// A browser's question whether a page may call.
    Preflight,
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
    /// 400, 401, 403 or 503.
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
            return Self { door: Door::Closed(BAD_FILE), names: Names::default() };
        }
        match Names::read(&get) {
            Ok(names) => Self { door: Door::read(get), names },
            Err(message) => Self { door: Door::Closed(message), names: Names::default() },
        }
    }

    /// Returns the page that a request comes from.
    #[must_use]
    pub fn page(&self, headers: &HeaderMap) -> Page {
        self.names.page(headers)
    }

    /// Decides on a request: the name that it is called by, the page that it comes from, and, unless it
    /// is a preflight, the bearer.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn decide(&self, method: &Method, headers: &HeaderMap) -> Result<Admitted, Refusal> {
        if let Door::Closed(message) = self.door {
            return Err(closed(message));
        }
        self.names.check_host(headers)?;
        if self.page(headers) == Page::Foreign {
            let status = StatusCode::FORBIDDEN;
            return Err(Refusal { status, challenge: None, message: FOREIGN_ORIGIN });
        }
        if is_preflight(method, headers) {
            return Ok(Admitted::Preflight);
        }
        self.admit(headers).map(|()| Admitted::Call)
    }

    /// Checks the bearer.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let bearer = match &self.door {
            Door::Open => return Ok(()),
            Door::Closed(message) => return Err(closed(message)),
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

fn closed(message: &'static str) -> Refusal {
    Refusal { status: StatusCode::SERVICE_UNAVAILABLE, challenge: None, message }
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
    fn names_come_before_the_bearer_and_preflight_needs_none() {
        let access = access(&[("OGE_MCP_BEARER", "s")]);
        let decide = |method: Method, pairs: &[(header::HeaderName, &'static str)]| {
            let pair = |(name, value): &(header::HeaderName, &'static str)| {
                (name.clone(), HeaderValue::from_static(value))
            };
            let decided = access.decide(&method, &pairs.iter().map(pair).collect());
            decided.map_err(|refusal| refusal.status.as_u16())
        };
        let host = (header::HOST, "localhost");
        let asks = (header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        let page = (header::ORIGIN, "http://localhost:5173");
        let foreign = (header::ORIGIN, "http://evil.example");
        let bearer = (header::AUTHORIZATION, "Bearer s");
        let preflight = [host.clone(), page.clone(), asks.clone()];
        assert_eq!(decide(Method::OPTIONS, &preflight), Ok(Admitted::Preflight));
        assert_eq!(decide(Method::OPTIONS, &[host.clone(), foreign.clone(), asks]), Err(403));
        assert_eq!(decide(Method::OPTIONS, &preflight[..2]), Err(401));
        assert_eq!(decide(Method::POST, &preflight), Err(401));
        let call = [host.clone(), page, bearer.clone()];
        assert_eq!(decide(Method::POST, &call), Ok(Admitted::Call));
        assert_eq!(decide(Method::POST, &[host, foreign, bearer.clone()]), Err(403));
        assert_eq!(decide(Method::POST, &[bearer]), Err(400));
    }

    #[test]
    fn debug_shows_no_bearer() {
        assert!(!format!("{:?}", access(&[("OGE_MCP_BEARER", "MARKER")])).contains("MARKER"));
    }
}
