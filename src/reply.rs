//! What the platform answered, and how far it has been read.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::json;
use crate::secret::prefix;

/// Some servers put it in front of UTF-8, where JSON has no room for it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A reply as it came off the wire, whole.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, where there was one.
    pub content_type: Option<String>,
    /// The `Location`, if it had one: where a redirect leads.
    pub location: Option<String>,
    /// How long `Retry-After` asks to wait, if it had one.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    /// Without the body, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}, {} bytes", self.status, self.body.len())
    }
}

/// A body as text, read no further than the two fields every decision needs.
pub struct Body {
    /// The text; bytes that are not UTF-8 read as U+FFFD.
    pub text: String,
    /// What its JSON says at the top, or why it is not JSON.
    pub top: Result<Top, NotJson>,
}

impl Default for Body {
    fn default() -> Self {
        Self { text: String::new(), top: Ok(Top::default()) }
    }
}

/// Why a body is not JSON: what a reader of JSON says, or nothing where it is no text either. Put into words
/// only where they are asked for.
#[derive(Debug)]
pub struct NotJson(Option<serde_json::Error>);

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(error) => error.fmt(f),
            None => f.write_str("the reply is not UTF-8"),
        }
    }
}

/// The outermost fields of a JSON body that decisions are made on. Where a name stands twice, the
/// last one counts, as it did for the platform's old client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// `code`, where it is a whole number.
    pub code: Option<i64>,
    /// `msg`, where it is a string.
    pub msg: Option<String>,
}

impl fmt::Debug for Body {
    /// Without the text, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.text.len())
    }
}

impl Body {
    /// Reads a body. The bytes become the text without a copy where they are UTF-8. None where the
    /// text would be longer than `limit`: each byte that is not UTF-8 reads as three.
    #[must_use]
    pub fn read(mut bytes: Vec<u8>, limit: usize) -> Option<Self> {
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                let top = Top::read(&text).map_err(|error| NotJson(Some(error)));
                Some(Self { text, top })
            }
            // A verdict must not depend on how a message is coded: what is legible is read.
            Err(error) => {
                let text = lossy(error.as_bytes(), limit)?;
                let top = Top::read(&text).map_err(|_| NotJson(None));
                Some(Self { text, top })
            }
        }
    }

    /// The body as JSON text: itself, or `{"raw_text", "json_parse_error", "content_type"}` around
    /// what is not JSON. None where that would be longer than `limit`: a character may take six to
    /// escape.
    #[must_use]
    pub fn into_json(self, content_type: Option<&str>, limit: usize) -> Option<String> {
        let error = match &self.top {
            Ok(_) => return Some(self.text),
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
            return None;
        }
        let mut json = String::with_capacity(length);
        json.push_str(start);
        escaped(&self.text).for_each(|part| json.push_str(&part));
        json.push_str(&end);
        Some(json)
    }
}

/// Bytes as text, U+FFFD for what is not UTF-8; none where that would be longer than `limit`.
fn lossy(bytes: &[u8], limit: usize) -> Option<String> {
    let replaced = |chunk: &core::str::Utf8Chunk<'_>| match chunk.invalid() {
        [] => "",
        _ => "\u{fffd}",
    };
    let parts = || bytes.utf8_chunks().flat_map(|chunk| [chunk.valid(), replaced(&chunk)]);
    let length = parts().map(str::len).sum();
    if length > limit {
        return None;
    }
    let mut text = String::with_capacity(length);
    text.extend(parts());
    Some(text)
}

/// Text as a JSON string spells it, in parts, without the quotes: the whole of it is never there twice.
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
    /// Reads the top of a JSON text and makes sure that the rest is JSON.
    fn read(text: &str) -> serde_json::Result<Self> {
        let mut top = Self::default();
        json::fields(text, &mut |name, value| match name {
            "code" => top.code = value.get().parse().ok(),
            "msg" => top.msg = json::string(value),
            _ => {}
        })?;
        Ok(top)
    }
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
        assert_eq!(read, Top { code: Some(40003), msg: Some("失败\n".to_owned()) });
    }

    #[test]
    fn a_code_that_is_no_whole_number_is_none() {
        for code in ["\"40003\"", "null", "4.0", "{}", "99999999999999999999"] {
            assert_eq!(top(&alloc::format!("{{\"code\":{code}}}")), Ok(Top::default()), "{code}");
        }
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
    fn text_that_grows_past_the_limit_is_none() {
        assert!(Body::read(alloc::vec![0xff; 10], 29).is_none());
        assert_eq!(Body::read(alloc::vec![0xff; 10], 30).unwrap().text.len(), 30);
        let text = "\u{1}坡\"".repeat(5000);
        let into_json = |limit| {
            let body = Body::read(text.clone().into_bytes(), usize::MAX).unwrap();
            body.into_json(None, limit)
        };
        let kept = into_json(usize::MAX).unwrap();
        assert!(into_json(kept.len()).is_some());
        assert!(into_json(kept.len() - 1).is_none());
        let raw = alloc::format!("{{\"raw_text\":{}", serde_json::to_string(&text).unwrap());
        assert!(kept.starts_with(&raw));
    }
}
