//! Access control over HTTP.
//!
//! The component cannot see its peer's address. So it refuses all calls until a setting permits them:
//! `OGE_MCP_BEARER` those with this token, `OGE_MCP_UNAUTHENTICATED=1` all that reach the port.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use oge_tools::secret::Secret;
use oge_tools::settings::FILE_PROBLEM;
use subtle::ConstantTimeEq as _;

use crate::allowed_names::{AllowedNames, FOREIGN_ORIGIN, Page};
use crate::cors::is_preflight;

const BAD_FILE: &str = "OGE_SETTINGS_FILE cannot be used: see the server's log\n";

/// The access rules of the settings.
#[derive(Clone, Debug)]
pub struct Access {
    rule: Rule,
    names: AllowedNames,
}

/// A permitted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// A call.
    Call,
    /// A browser's preflight request, which asks whether a page may call.
    Preflight,
}

#[derive(Clone, Debug)]
enum Rule {
    /// All requests are permitted.
    Open,
    /// Requests with this token are permitted.
    Bearer(Secret),
    /// No request is permitted, for this reason.
    Closed(&'static str),
}

impl Rule {
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
                "OGE_MCP_BEARER has a character that a bearer token cannot have: use only letters, \
                 digits and -._~+/=\n",
            ),
            (Some(_), Some(_)) => Self::Closed(
                "OGE_MCP_BEARER and OGE_MCP_UNAUTHENTICATED are both set: remove one\n",
            ),
            (None, Some("1")) => Self::Open,
            (None, None | Some("0")) => Self::Closed(
                "OGE_MCP_BEARER is not set: set it to a secret that clients send as \
                 Authorization: Bearer, or set OGE_MCP_UNAUTHENTICATED=1 to permit every call that \
                 reaches this port\n",
            ),
            (None, Some(_)) => Self::Closed("OGE_MCP_UNAUTHENTICATED must be 1 or 0\n"),
        }
    }
}

/// A refusal: the status, the challenge of RFC 6750 if there is one, and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400, 401, 403 or 503.
    pub status: StatusCode,
    /// The value of `WWW-Authenticate`.
    pub challenge: Option<HeaderValue>,
    /// What is wrong and what to do.
    pub message: &'static str,
}

impl Access {
    /// Reads the settings. `get` returns the value of a key. A blank value counts as absent; a bad one
    /// refuses all calls.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        if get(FILE_PROBLEM).is_some() {
            return Self { rule: Rule::Closed(BAD_FILE), names: AllowedNames::default() };
        }
        match AllowedNames::read(&get) {
            Ok(names) => Self { rule: Rule::read(get), names },
            Err(message) => Self { rule: Rule::Closed(message), names: AllowedNames::default() },
        }
    }

    /// Returns the page that a request comes from.
    #[must_use]
    pub fn page(&self, headers: &HeaderMap) -> Page {
        self.names.page(headers)
    }

    /// Checks a request's `Host`, its `Origin`, and, unless it is a preflight, its bearer token.
    ///
    /// # Errors
    /// Returns the refusal to respond with.
    pub fn decide(&self, method: &Method, headers: &HeaderMap) -> Result<Admitted, Refusal> {
        self.is_open_to_someone().map_err(closed)?;
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

    /// Checks that the settings permit somebody to call.
    ///
    /// # Errors
    /// Returns why they do not.
    pub fn is_open_to_someone(&self) -> Result<(), &'static str> {
        match self.rule {
            Rule::Closed(message) => Err(message),
            Rule::Open | Rule::Bearer(_) => Ok(()),
        }
    }

    /// Checks the bearer token.
    ///
    /// # Errors
    /// Returns the refusal to respond with.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let bearer = match &self.rule {
            Rule::Open => return Ok(()),
            Rule::Closed(message) => return Err(closed(message)),
            Rule::Bearer(bearer) => bearer,
        };
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let refusal = match (given.next(), given.next()) {
            (None, _) => ("Bearer realm=\"oge-mcp\"", "Authorization: Bearer is missing\n"),
            (Some(given), None) if is_bearer(given, bearer) => return Ok(()),
            (Some(_), _) => (
                "Bearer realm=\"oge-mcp\", error=\"invalid_token\"",
                "this is not the token of OGE_MCP_BEARER\n",
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

/// Returns whether a text has only the characters of RFC 6750's `b64token`.
fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
}

/// Compares the token in constant time.
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
    fn only_the_bearer_token_is_permitted() {
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
    fn a_refusal_has_the_challenge_of_rfc_6750() {
        let access = access(&[("OGE_MCP_BEARER", "s")]);
        let refusal = access.admit(&HeaderMap::new()).unwrap_err();
        assert_eq!(refusal.challenge.unwrap(), "Bearer realm=\"oge-mcp\"");
    }

    #[test]
    fn all_calls_are_refused_until_a_setting_permits_them() {
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
    fn names_are_checked_first_and_a_preflight_needs_no_bearer() {
        let access = access(&[("OGE_MCP_BEARER", "s")]);
        let decide = |method: Method, pairs: &[(header::HeaderName, &'static str)]| {
            let pair = |(name, value): &(header::HeaderName, &'static str)| {
                (name.clone(), HeaderValue::from_static(value))
            };
            let decided = access.decide(&method, &pairs.iter().map(pair).collect());
            decided.map_err(|refusal| refusal.status.as_u16())
        };
        let host = (header::HOST, "localhost");
        let requests_method = (header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        let page = (header::ORIGIN, "http://localhost:5173");
        let foreign = (header::ORIGIN, "http://evil.example");
        let bearer = (header::AUTHORIZATION, "Bearer s");
        let preflight = [host.clone(), page.clone(), requests_method.clone()];
        assert_eq!(decide(Method::OPTIONS, &preflight), Ok(Admitted::Preflight));
        assert_eq!(
            decide(Method::OPTIONS, &[host.clone(), foreign.clone(), requests_method]),
            Err(403)
        );
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
