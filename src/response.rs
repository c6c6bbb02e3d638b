//! A response of the platform, and the part of its body that decisions need.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde_json::value::RawValue;

use crate::encoding::{Undecoded, decode};
use crate::json;
use crate::retry_after;
use crate::secret::prefix;

/// Some servers send it before UTF-8; JSON does not allow it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A whole response.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if the response has one.
    pub content_type: Option<String>,
    /// The `Location` of a redirect, if it has one.
    pub location: Option<String>,
    /// How long `Retry-After` asks to wait, if the response has one.
    pub retry_after: Option<Duration>,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// Why `body` could not be decoded to its end, if it could not.
    pub undecoded: Option<Undecoded>,
}

impl Response {
    /// Decodes a response. `header` returns a header's value, several lines of one name joined by
    /// commas. `limit` is how large the decoded body may be.
    #[must_use]
    pub fn received(
        status: u16,
        header: &dyn Fn(&str) -> Option<String>,
        mut body: Vec<u8>,
        limit: usize,
    ) -> Self {
        let undecoded = decode(&mut body, header("content-encoding").as_deref(), limit).err();
        Self {
            status,
            content_type: header("content-type"),
            location: if is_redirect(status) { header("location") } else { None },
            retry_after: if status == 200 { None } else { header("retry-after") }
                .and_then(|value| retry_after::read(&value, header("date").as_deref())),
            body,
            undecoded,
        }
    }
}

/// Whether the status is a redirect.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 300..=303 | 307 | 308)
}

impl fmt::Debug for Response {
    /// Omits the body, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}, {} bytes", self.status, self.body.len())
    }
}

/// The text that a response becomes would be longer than a response may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}

/// A body as text, and the fields that decisions need.
pub struct Body {
    /// The text; bytes that are not UTF-8 read as U+FFFD.
    pub text: String,
    /// The outermost fields of its JSON, or why it is not JSON.
    pub top: Result<Top, NotJson>,
}

impl Default for Body {
    fn default() -> Self {
        Self { text: String::new(), top: Ok(Top::default()) }
    }
}

/// Why a body is not JSON. Formatted only when it is shown.
#[derive(Debug)]
pub enum NotJson {
    /// It is text, but not valid JSON.
    Syntax(serde_json::Error),
    /// It is not UTF-8.
    NotText,
    /// Its `Content-Encoding` could not be decoded; why.
    Undecoded(String),
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::NotText => f.write_str("the response is not UTF-8"),
            Self::Undecoded(why) => f.write_str(why),
        }
    }
}

/// The outermost fields of a JSON body that decisions are made on. If a name occurs twice, the last
/// one counts, as it did for the platform's old client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// `code`, if it is a whole number in any spelling: `40003`, `40003.0`, `"40003"`.
    pub code: Option<i64>,
    /// Whether `code` is a string.
    pub code_is_text: bool,
    /// The platform's reason: the first of `msg`, `message`, `error_description` and `error` that is a
    /// text and not blank.
    pub msg: Option<String>,
}

/// The fields that may hold a reason, best first.
const REASONS: [&str; 4] = ["msg", "message", "error_description", "error"];

impl fmt::Debug for Body {
    /// Omits the text, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.text.len())
    }
}

impl Body {
    /// Reads a body. Bytes that are UTF-8 become the text without a copy.
    ///
    /// # Errors
    /// If the text is longer than `limit`: each byte that is not UTF-8 reads as three.
    pub fn read(mut bytes: Vec<u8>, limit: usize) -> Result<Self, TooLarge> {
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        // The outcome must not depend on the encoding of a message.
        let (mut text, is_utf8) = match String::from_utf8(bytes) {
            Ok(text) => (text, true),
            Err(error) => (lossy(error.as_bytes(), limit)?, false),
        };
        if text.trim_start().starts_with(['{', '[', '"']) {
            json::replace_lone_surrogates(&mut text);
        }
        let error = match Top::read(&text) {
            Ok(top) => return Ok(Self { text, top: Ok(top) }),
            Err(error) => error,
        };
        // Python writes numbers that JSON does not have.
        if let Some(parts) = json::without_nan(&text) {
            let json = join(parts, limit)?;
            if let Ok(top) = Top::read(&json) {
                return Ok(Self { text: json, top: Ok(top) });
            }
        }
        let error = if is_utf8 { NotJson::Syntax(error) } else { NotJson::NotText };
        Ok(Self { text, top: Err(error) })
    }

    /// Describes the body if no tool can use it as a result: a page, nothing, broken JSON, or bytes that
    /// are not text. Otherwise `None`.
    #[must_use]
    pub fn no_result(&self, content_type: Option<&str>) -> Option<&'static str> {
        let error = self.top.as_ref().err()?;
        let text = self.text.trim_start();
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        if text.is_empty() {
            Some("nothing")
        } else if text.starts_with('<') || content_type.contains("html") {
            Some("with a page")
        } else if matches!(error, NotJson::NotText) {
            Some("with bytes that are not UTF-8 text")
        } else if text.starts_with(['{', '[']) || content_type.contains("json") {
            Some("with broken JSON")
        } else {
            None
        }
    }

    /// Returns the body as JSON text. A body that is not JSON becomes
    /// `{"raw_text", "json_parse_error", "content_type"}`.
    ///
    /// # Errors
    /// If the JSON text is longer than `limit`: a character may take six bytes to escape.
    pub fn into_json(self, content_type: Option<&str>, limit: usize) -> Result<String, TooLarge> {
        let error = match &self.top {
            Ok(_) => return Ok(self.text),
            Err(error) => error,
        };
        let short = |value: &Option<&str>| serde_json::to_string(value).unwrap_or_default();
        let end = [
            "\",\"json_parse_error\":",
            &short(&Some(&*error.to_string())),
            ",\"content_type\":",
            &short(&content_type),
            "}",
        ]
        .concat();
        let start = "{\"raw_text\":\"";
        let length = escaped(&self.text).map(|part| part.len()).sum::<usize>();
        let length = length.saturating_add(start.len() + end.len());
        if length > limit {
            return Err(TooLarge { limit });
        }
        let mut json = String::with_capacity(length);
        json.push_str(start);
        escaped(&self.text).for_each(|part| json.push_str(&part));
        json.push_str(&end);
        Ok(json)
    }
}

/// Reads bytes as text, with U+FFFD for what is not UTF-8.
fn lossy(bytes: &[u8], limit: usize) -> Result<String, TooLarge> {
    let replaced = |chunk: &core::str::Utf8Chunk<'_>| match chunk.invalid() {
        [] => "",
        _ => "\u{fffd}",
    };
    join(bytes.utf8_chunks().flat_map(|chunk| [chunk.valid(), replaced(&chunk)]), limit)
}

/// Joins the parts of a text.
fn join<'a>(
    parts: impl Iterator<Item = &'a str> + Clone,
    limit: usize,
) -> Result<String, TooLarge> {
    let length = parts.clone().map(str::len).sum();
    if length > limit {
        return Err(TooLarge { limit });
    }
    let mut text = String::with_capacity(length);
    text.extend(parts);
    Ok(text)
}

/// Escapes text for a JSON string, without the quotes, in parts: memory never holds a second whole copy.
fn escaped(text: &str) -> impl Iterator<Item = String> {
    const PART_BYTES: usize = 4096;
    let mut rest = text;
    core::iter::from_fn(move || {
        let part = prefix(rest, PART_BYTES);
        rest = rest.get(part.len()..).unwrap_or_default();
        let quoted = (!part.is_empty()).then(|| serde_json::to_string(part))?.ok()?;
        Some(quoted.get(1..quoted.len() - 1)?.to_owned())
    })
}

impl Top {
    /// Reads the outermost fields of a JSON text and checks that the rest is JSON.
    fn read(text: &str) -> serde_json::Result<Self> {
        let mut top = Self::default();
        let mut reasons = [const { None::<String> }; REASONS.len()];
        json::fields(text, &mut |name, value| {
            if name == "code" {
                top.code = json::integer(value.get());
                top.code_is_text = value.get().starts_with('"');
            }
            let slot = REASONS.iter().zip(&mut reasons).find(|(known, _)| **known == name);
            if let Some((_, reason)) = slot {
                *reason = reason_in(value);
            }
        })?;
        top.msg = reasons.into_iter().flatten().next();
        Ok(top)
    }
}

/// Returns a text that is not blank; for an object such as `{"error":{"message":…}}`, its `message` or
/// `msg`.
fn reason_in(value: &RawValue) -> Option<String> {
    let mut reason = json::string(value);
    if value.get().starts_with('{') {
        // Cannot fail: the value was read as JSON before.
        let _ = json::fields(value.get(), &mut |name, value| {
            if matches!(name, "message" | "msg") {
                reason = json::string(value);
            }
        });
    }
    reason.filter(|reason| !reason.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(text: &str) -> Result<Top, String> {
        let body = Body::read(text.as_bytes().to_vec(), usize::MAX).unwrap();
        body.top.map_err(|error| error.to_string())
    }

    #[test]
    fn code_and_msg_are_read_from_the_top_only() {
        let read = top(r#"{"data":{"code":1},"msg":"失败\n","code":40003}"#).unwrap();
        assert_eq!(
            read,
            Top { code: Some(40003), msg: Some("失败\n".to_owned()), ..Top::default() }
        );
    }

    #[test]
    fn a_code_that_is_no_whole_number_is_none() {
        for code in ["\"A0230\"", "\"\"", "null", "4.5", "{}", "[40003]", "99999999999999999999"] {
            let read = top(&alloc::format!("{{\"code\":{code}}}")).unwrap();
            assert_eq!(read.code, None, "{code}");
        }
    }

    #[test]
    fn a_code_counts_however_it_is_written() {
        for code in ["40003", "40003.0", "\"40003\"", "\" 40003.00 \"", "4.0003e4", "400030E-1"] {
            let read = top(&alloc::format!("{{\"code\":{code}}}")).unwrap();
            assert_eq!(read.code, Some(40003), "{code}");
            assert_eq!(read.code_is_text, code.starts_with('"'), "{code}");
        }
    }

    #[test]
    fn the_reason_is_looked_for_in_four_fields() {
        for (json, reason) in [
            (r#"{"error":"e","error_description":"d","message":"m","msg":"g"}"#, Some("g")),
            (r#"{"error":"e","error_description":"d","message":"m","msg":" "}"#, Some("m")),
            (r#"{"error":"e","error_description":"d","msg":null}"#, Some("d")),
            (r#"{"status":404,"error":"Not Found","message":"","path":"/x"}"#, Some("Not Found")),
            (r#"{"error":{"code":7,"message":"m"}}"#, Some("m")),
            (r#"{"msg":["g"],"error":5}"#, None),
        ] {
            assert_eq!(top(json).unwrap().msg.as_deref(), reason, "{json}");
        }
    }

    #[test]
    fn numbers_that_json_does_not_have_are_read_as_null() {
        for (body, json) in [
            (r#"{"code":40003,"a":NaN}"#, r#"{"code":40003,"a":null}"#),
            (r#"[NaN,-Infinity, Infinity ]"#, "[null,null, null ]"),
            ("NaN", "null"),
            (
                r#"{"NaN":"NaN \"NaN, -Infinity\\","b":NaN}"#,
                r#"{"NaN":"NaN \"NaN, -Infinity\\","b":null}"#,
            ),
        ] {
            let read = Body::read(body.as_bytes().to_vec(), json.len()).unwrap();
            assert!(read.top.is_ok(), "{body}");
            assert_eq!(read.text, json);
        }
        assert!(Body::read(b"[NaN,NaN]".to_vec(), 10).is_err());
    }

    #[test]
    fn what_only_looks_like_such_a_number_stays_broken() {
        for body in ["[NaNa]", "[1NaN]", "[xInfinity]", "{NaN:1}", "[-NaN]", "NaN NaN", "[\"NaN]"] {
            let read = Body::read(body.as_bytes().to_vec(), usize::MAX).unwrap();
            assert!(read.top.is_err(), "{body}");
            assert_eq!(read.text, body);
        }
    }

    #[test]
    fn pages_nothing_and_broken_json_are_no_result() {
        let html = Some("text/html;charset=UTF-8");
        for (body, content_type, what) in [
            (&b"<!DOCTYPE html><h1>login</h1>"[..], None, Some("with a page")),
            (b"\xef\xbb\xbf \n<html>", Some("text/plain"), Some("with a page")),
            (b"<html>\xb5\xc7\xc2\xbc</html>", None, Some("with a page")),
            (b"please log in", html, Some("with a page")),
            (b"please log in", Some("Text/HTML"), Some("with a page")),
            (b"", None, Some("nothing")),
            (b"\xef\xbb\xbf \r\n", Some("application/json"), Some("nothing")),
            (b"{\"code\":200", None, Some("with broken JSON")),
            (b" [1,", Some("text/plain"), Some("with broken JSON")),
            (b"running", Some("application/json"), Some("with broken JSON")),
            (b"\xb5\xc7\xc2\xbc", None, Some("with bytes that are not UTF-8 text")),
            (b"\x1f\x8b\x08\0\xff", None, Some("with bytes that are not UTF-8 text")),
            (b"running", Some("text/plain"), None),
            (b"running", None, None),
            // The content type does not count if the body is JSON.
            (b"{\"code\":200}", html, None),
            (b"null", None, None),
        ] {
            let read = Body::read(body.to_vec(), usize::MAX).unwrap();
            assert_eq!(read.no_result(content_type), what, "{body:?}");
        }
    }

    #[test]
    fn a_response_is_decoded_as_it_is_received() {
        // `{}` as one stored block of raw deflate.
        let body = [1, 2, 0, 0xfd, 0xff, b'{', b'}'].to_vec();
        let header = |name: &str| match name {
            "content-encoding" => Some("identity, deflate".to_owned()),
            "location" => Some("/a".to_owned()),
            "retry-after" => Some(" 7 ".to_owned()),
            _ => None,
        };
        let response = Response::received(200, &header, body.clone(), 2);
        assert_eq!(response, Response { status: 200, body: b"{}".to_vec(), ..Response::default() });
        let response = Response::received(307, &header, body.clone(), 2);
        assert_eq!(response.location.as_deref(), Some("/a"));
        assert_eq!(response.retry_after, Some(Duration::from_secs(7)));
        let response = Response::received(200, &header, body, 1);
        assert_eq!((&*response.body, response.undecoded), (&b"{"[..], Some(Undecoded::TooLarge)));
    }

    #[test]
    fn the_last_of_two_codes_counts() {
        assert_eq!(top(r#"{"code":200,"code":40003}"#).unwrap().code, Some(40003));
    }

    #[test]
    fn json_that_is_no_object_has_no_top() {
        for text in ["[]", "\"running\"", "1.5e3", "null", " true "] {
            assert_eq!(top(text), Ok(Top::default()), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_to_its_end_is_not_json() {
        for text in ["", "running", "{\"code\":200", "{\"code\":200} x", "{\"a\":[1,}"] {
            assert!(top(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_no_danger() {
        let text =
            ["{\"a\":", &"[".repeat(1_000_000), &"]".repeat(1_000_000), ",\"code\":200}"].concat();
        assert_eq!(top(&text).unwrap().code, Some(200));
    }

    #[test]
    fn text_that_is_not_json_is_kept_with_the_reason() {
        let kept = Body::read(b"<h1>\"502\"</h1>".to_vec(), 20).unwrap();
        let kept = kept.into_json(Some("text/html"), 200).unwrap();
        assert_eq!(
            kept,
            r#"{"raw_text":"<h1>\"502\"</h1>","json_parse_error":"expected value at line 1 column 1","content_type":"text/html"}"#
        );
    }

    #[test]
    fn a_code_is_read_whatever_the_coding_of_the_message() {
        let gbk = b"{\"code\":40003,\"msg\":\"token\xb9\xfd\xc6\xda\"}";
        assert_eq!(Body::read(gbk.to_vec(), 100).unwrap().top.unwrap().code, Some(40003));
        let marked = b"\xef\xbb\xbf{\"code\":40003}";
        assert_eq!(Body::read(marked.to_vec(), 100).unwrap().top.unwrap().code, Some(40003));
        assert_eq!(Body::read(marked.to_vec(), 100).unwrap().text, "{\"code\":40003}");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept_as_text() {
        let body = Body::read(alloc::vec![b'{', 0xff, b'}'], 5).unwrap();
        assert_eq!((body.text.as_str(), body.top.is_err()), ("{\u{fffd}}", true));
    }

    #[test]
    fn text_that_grows_past_the_limit_is_too_large() {
        let too_large = Body::read(alloc::vec![0xff; 10], 29).err();
        assert_eq!(too_large, Some(TooLarge { limit: 29 }));
        assert_eq!(Body::read(alloc::vec![0xff; 10], 30).unwrap().text.len(), 30);
        let text = "\u{1}坡\"".repeat(5000);
        let into_json = |limit| {
            let body = Body::read(text.clone().into_bytes(), usize::MAX).unwrap();
            body.into_json(None, limit)
        };
        let kept = into_json(usize::MAX).unwrap();
        assert!(into_json(kept.len()).is_ok());
        assert!(into_json(kept.len() - 1).is_err());
        let raw = alloc::format!("{{\"raw_text\":{}", serde_json::to_string(&text).unwrap());
        assert!(kept.starts_with(&raw));
    }
}
