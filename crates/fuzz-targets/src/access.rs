//! Access control of the MCP server.

use http::{HeaderMap, HeaderValue, header};
use oge_mcp_server::access::Access;

use crate::input;

const BEARER: &str = "MARKER-of.the~door+/=";

/// Input: settings, a blank line, and a value of `Authorization` in each line. A backtick is the bearer.
pub(crate) fn target(data: &[u8]) {
    let data = input::with_secret(data, BEARER);
    let lines: Vec<_> = input::lines(&data).collect();
    let (settings, given) = match lines.iter().position(String::is_empty) {
        Some(blank) => (&lines[..blank], &lines[blank + 1..]),
        None => (&lines[..], &[][..]),
    };
    let get = |key: &str| {
        let pair = settings.iter().filter_map(|line| line.split_once('='));
        pair.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).next_back()
    };
    let access = Access::read(get);
    let mut headers = HeaderMap::new();
    for value in given.iter().filter_map(|value| HeaderValue::from_str(value).ok()) {
        headers.append(header::AUTHORIZATION, value);
    }
    let admitted = access.admit(&headers);

    let set = |key: &str| get(key).filter(|value| !value.trim().is_empty());
    let open = set("OGE_MCP_UNAUTHENTICATED").is_some_and(|value| value.trim() == "1");
    let bearer = set("OGE_MCP_BEARER");
    if admitted.is_ok() && !(open && bearer.is_none()) {
        let bearer = bearer.expect("admitted without a bearer although access is restricted");
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().expect("admitted without an Authorization header").as_bytes();
        assert!(values.next().is_none() && !open);
        let (scheme, token) = value.split_at(7);
        assert!(scheme.eq_ignore_ascii_case(b"bearer "));
        assert_eq!(token.trim_ascii(), bearer.trim().as_bytes());
    }
    if let Err(refusal) = admitted {
        assert!([401, 503].contains(&refusal.status.as_u16()));
        assert_eq!(refusal.challenge.is_some(), refusal.status == 401);
        input::assert_hides(refusal.message);
    }
}
