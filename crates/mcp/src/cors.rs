//! The response headers that let a page in a browser call (CORS, the Fetch standard). [`crate::allowed_names`] decides
//! which pages may.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::allowed_names::Page;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
/// The request headers of clients of all protocol revisions.
const HEADERS: &str = "Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, \
    Last-Event-ID, Mcp-Method, Mcp-Name";
/// The response headers that a page may read in addition to those that are always readable.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After");
/// How many seconds a browser may cache a preflight. Short, because a restart may change the settings.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// Returns whether a request is a preflight, with which a browser asks if a page may send a request. It has no
/// bearer token.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Adds the CORS headers to a response. `Vary` is always added, because responses differ by `Origin`.
pub fn allow(page: &Page, response: &mut HeaderMap) {
    response.append(VARY, HeaderValue::from_static("Origin"));
    if let Page::Allowed(origin) = page {
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// Adds the headers of a preflight's response. Permits any requested header, because an allowed page may
/// send any.
pub fn answer_preflight(request: &HeaderMap, response: &mut HeaderMap) {
    let asked = request.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let asked = asked.filter_map(|names| names.to_str().ok()).flat_map(|names| names.split(','));
    let known = |name: &HeaderName| HEADERS.split(", ").any(|known| name == known);
    let asked = asked.filter_map(|name| name.trim().parse::<HeaderName>().ok());
    let more = asked.filter(|name| !known(name)).map(|name| format!(", {name}"));
    let headers = std::iter::once(HEADERS.to_owned()).chain(more).collect::<String>();
    if let Ok(headers) = HeaderValue::try_from(headers) {
        response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    response.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    response.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if request.get(REQUEST_PRIVATE_NETWORK).is_some_and(|asked| asked == "true") {
        response.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_an_allowed_page_gets_its_origin_back() {
        let mut response = HeaderMap::new();
        allow(&Page::Allowed(HeaderValue::from_static("http://a")), &mut response);
        assert_eq!(response[ACCESS_CONTROL_ALLOW_ORIGIN], "http://a");
        assert_eq!(response[VARY], "Origin");
        for page in [Page::None, Page::Foreign] {
            let mut response = HeaderMap::new();
            allow(&page, &mut response);
            assert_eq!(response, headers(&[("vary", "Origin")]));
        }
    }

    #[test]
    fn a_preflight_permits_the_known_and_the_requested_headers() {
        let asked = headers(&[(
            "access-control-request-headers",
            "authorization,mcp-param-city, x y,traceparent",
        )]);
        let mut response = HeaderMap::new();
        answer_preflight(&asked, &mut response);
        let allowed = response[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
        assert_eq!(allowed, [HEADERS, ", mcp-param-city, traceparent"].concat());
        assert!(!response.contains_key(ALLOW_PRIVATE_NETWORK));

        let asked = headers(&[("access-control-request-private-network", "true")]);
        answer_preflight(&asked, &mut response);
        assert_eq!(response[ALLOW_PRIVATE_NETWORK], "true");
    }

    #[test]
    fn a_preflight_has_an_origin_and_a_requested_method() {
        let asked = [("origin", "http://a"), ("access-control-request-method", "POST")];
        assert!(is_preflight(&Method::OPTIONS, &headers(&asked)));
        assert!(!is_preflight(&Method::OPTIONS, &headers(&asked[..1])));
        assert!(!is_preflight(&Method::POST, &headers(&asked)));
    }
}
