//! A response of the platform: its body and its outcome.

use oge_tools::encoding::decode;
use oge_tools::outcome::{Expiry, Outcome, classify};
use oge_tools::response::{Body, NotJson, Response, Top};
use oge_tools::secret::{EXCERPT_BYTES, Redactor, Secret};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::input;

pub(crate) const STATUSES: [u16; 10] = [200, 401, 403, 500, 204, 302, 404, 503, 100, 999];
const EXPIRED: [i64; 2] = [40003, -7];

/// Input: a digit for the status, a digit for how much longer than the body the text may be, and the body.
pub(crate) fn target(data: &[u8]) {
    let (status, rest) = input::choice(data, &STATUSES);
    let (room, rest) = input::choice(rest, &[1 << 20, 0, 1, 7, 100]);
    let body = input::with_secret(rest, input::TOKEN);
    let limit = body.len() + room;

    for encoding in ["gzip", "deflate", "deflate, gzip", "br"] {
        let mut decoded = body.clone();
        let _ = decode(&mut decoded, Some(encoding), limit);
        assert!(decoded.len() <= limit);
    }

    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body);
    let text = String::from_utf8_lossy(text);
    let response = Response { status, body: body.clone(), ..Response::default() };
    // `NaN` grows when it becomes `null`.
    let has_nan = text.contains("NaN") || text.contains("Infinity");
    let Ok(classified) = classify(response, &EXPIRED, limit) else {
        return assert!(has_nan || text.len() > limit, "a text within the limit was refused");
    };
    if has_nan {
        assert!(classified.body.text == text || classified.body.top.is_ok());
    } else {
        assert_eq!(classified.body.text, text);
    }
    let text = classified.body.text.clone();
    assert!(text.len() <= limit);
    assert_agrees(&classified.body);
    assert_eq!(classified.outcome, outcome(status, &classified.body.top));

    if !input::gives_itself_away(rest) {
        let token = Secret::new(["Bearer ", input::TOKEN].concat());
        let excerpt = Redactor::default().hide_authorization(&token).excerpt(&classified.body.text);
        input::assert_hides(&excerpt);
        assert!(excerpt.len() <= EXCERPT_BYTES + '…'.len_utf8());
    }
    let is_json = classified.body.top.is_ok();
    if let Ok(json) = classified.body.into_json(Some("text/plain"), limit) {
        assert!(is_json || json.len() <= limit);
        assert!(serde_json::from_str::<IgnoredAny>(&json).is_ok());
        if !is_json {
            let kept: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(kept["raw_text"], *text);
        }
    }
}

/// Asserts that another JSON parser reads the same top-level fields.
fn assert_agrees(body: &Body) {
    let Ok(value) = serde_json::from_str::<Value>(&body.text) else { return };
    let top = body.top.as_ref().expect("JSON for a stricter parser is JSON");
    if let Some(code) = value["code"].as_i64() {
        assert_eq!((top.code, top.code_is_text), (Some(code), false));
    }
    if let Some(msg) = value["msg"].as_str().filter(|msg| !msg.trim().is_empty()) {
        assert_eq!(top.msg.as_deref(), Some(msg));
    }
}

/// Returns the expected outcome by the platform's documentation.
fn outcome(status: u16, top: &Result<Top, NotJson>) -> Outcome {
    let code = top.as_ref().ok().and_then(|top| top.code);
    if status == 401 {
        return Outcome::Expired(Expiry::Status);
    }
    if status == 403 {
        return Outcome::Forbidden;
    }
    if status != 200 {
        return Outcome::Failed;
    }
    match code {
        Some(code) if EXPIRED.contains(&code) => Outcome::Expired(Expiry::Code(code)),
        Some(code) if (400..600).contains(&code) || (40_000..60_000).contains(&code) => {
            Outcome::Failed
        }
        _ => Outcome::Accepted,
    }
}
