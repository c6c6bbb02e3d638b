//! What a client accepts: JSON, and events for a call that reports its progress.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderValue};

/// Both types. The SDK refuses a request whose `Accept` lacks one of them.
pub const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// The media ranges for JSON. The most specific one in the header counts, so it is first.
const JSON: [&str; 3] = ["application/json", "application/*", "*/*"];
/// The media ranges for events. `*/*` is not one, because clients that do not support events send it.
const EVENTS: [&str; 2] = ["text/event-stream", "text/*"];

/// Returns whether the client accepts JSON. A request without `Accept` accepts everything.
pub fn takes_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(ACCEPT) || takes(headers, &JSON)
}

/// Returns whether the client's `Accept` names events.
pub fn takes_events(headers: &HeaderMap) -> bool {
    takes(headers, &EVENTS)
}

fn takes(headers: &HeaderMap, names: &[&str]) -> bool {
    let values = || headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = || values().flat_map(|value| value.split(','));
    let range = |name: &&str| ranges().find(|range| essence(range).eq_ignore_ascii_case(name));
    names.iter().find_map(range).is_some_and(|range| !is_off(range))
}

/// Returns a media range without its parameters.
fn essence(range: &str) -> &str {
    range.split(';').next().unwrap_or_default().trim()
}

/// Returns whether a media range is excluded with `q=0`.
fn is_off(range: &str) -> bool {
    range.split(';').skip(1).any(|part| {
        part.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_range_accepts_json_and_events_must_be_named() {
        for (accept, json, events) in [
            (&[][..], true, false),
            (&["*/*"], true, false),
            (&["application/*"], true, false),
            (&["application/json"], true, false),
            (&["Application/JSON; charset=utf-8"], true, false),
            (&["text/html", "*/*;q=0.1"], true, false),
            (&["text/event-stream, application/json"], true, true),
            (&["application/json", "Text/Event-Stream;q=0.5"], true, true),
            (&["application/json, text/*"], true, true),
            (&["application/json, text/event-stream;q=0"], true, false),
            (&["application/json, text/event-stream; q=0.0, text/*"], true, false),
            (&["text/event-stream"], false, true),
            (&["text/event-stream, application/json;q=0"], false, true),
            (&["application/json;q=0, */*"], false, false),
            (&["text/html"], false, false),
            (&[""], false, false),
            (&["*/*;q=0"], false, false),
            (&["application/json; q=0.00"], false, false),
        ] {
            let value = |value: &&'static str| (ACCEPT, HeaderValue::from_static(value));
            let headers: HeaderMap = accept.iter().map(value).collect();
            assert_eq!(
                (takes_json(&headers), takes_events(&headers)),
                (json, events),
                "{accept:?}"
            );
        }
    }
}
