//! What a client accepts: JSON, and events where a call reports its progress.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderValue};

/// Both forms: the SDK takes no request that does not name them.
pub const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// The names of each form, the most specific first: that one counts.
const JSON: [&str; 3] = ["application/json", "application/*", "*/*"];
/// Without `*/*`: clients that know nothing of events send it.
const EVENTS: [&str; 2] = ["text/event-stream", "text/*"];

/// Whether the client takes JSON, by any name; without `Accept` it takes all.
pub fn takes_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(ACCEPT) || takes(headers, &JSON)
}

/// Whether the client names events in its `Accept`.
pub fn takes_events(headers: &HeaderMap) -> bool {
    takes(headers, &EVENTS)
}

fn takes(headers: &HeaderMap, names: &[&str]) -> bool {
    let values = || headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = || values().flat_map(|value| value.split(','));
    let range = |name: &&str| ranges().find(|range| essence(range).eq_ignore_ascii_case(name));
    names.iter().find_map(range).is_some_and(|range| !is_off(range))
}

/// A media range without its parameters.
fn essence(range: &str) -> &str {
    range.split(';').next().unwrap_or_default().trim()
}

/// Whether a media range is switched off by `q=0`.
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
    fn json_by_any_name_is_enough_and_events_are_named() {
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
