//! What a client accepts. The server answers in JSON, and in events where a call reports its progress; the
//! SDK wants both named.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderValue};

/// Both forms, as the SDK wants them.
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// Names both forms where the client takes JSON by any name: `application/json`, `application/*`, `*/*`,
/// or no `Accept` at all. Leaves the header of a client that takes none, for the SDK to refuse.
pub fn widen(headers: &mut HeaderMap) {
    let takes_json =
        |value: &HeaderValue| value.to_str().is_ok_and(|value| value.split(',').any(is_json_range));
    if !headers.contains_key(ACCEPT) || headers.get_all(ACCEPT).iter().any(takes_json) {
        headers.insert(ACCEPT, BOTH);
    }
}

/// Whether a media range holds JSON, and is not switched off by `q=0`.
fn is_json_range(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default();
    let is_json = ["application/json", "application/*", "*/*"]
        .iter()
        .any(|json| range.eq_ignore_ascii_case(json));
    let is_off = |part: &str| {
        part.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0)
        })
    };
    is_json && !parts.any(is_off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_by_any_name_is_enough() {
        for (accept, is_enough) in [
            (&[][..], true),
            (&["*/*"], true),
            (&["application/*"], true),
            (&["Application/JSON; charset=utf-8"], true),
            (&["text/html", "*/*;q=0.1"], true),
            (&["text/event-stream, application/json"], true),
            (&["text/html"], false),
            (&["text/*"], false),
            (&[""], false),
            (&["*/*;q=0"], false),
            (&["application/json; q=0.00"], false),
        ] {
            let value = |value: &&'static str| (ACCEPT, HeaderValue::from_static(value));
            let mut headers: HeaderMap = accept.iter().map(value).collect();
            widen(&mut headers);
            assert_eq!(headers.get(ACCEPT) == Some(&BOTH), is_enough, "{accept:?}");
        }
    }
}
