//! What the platform answered, and how far it has been read.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use crate::json;

/// Some servers put it in front of UTF-8, where JSON has no room for it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A reply as it came off the wire, whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, where there was one.
    pub content_type: Option<String>,
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
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// The text; bytes that are not UTF-8 read as U+FFFD.
    pub text: String,
    /// What its JSON says at the top, or why it is not JSON.
    pub top: Result<Top, String>,
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
    /// Reads a body. The bytes become the text without a copy where they are UTF-8.
    #[must_use]
    pub fn read(mut bytes: Vec<u8>) -> Self {
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                let top = Top::read(&text).map_err(|error| error.to_string());
                Self { text, top }
            }
            // A verdict must not depend on how a message is coded: what is legible is read.
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let top = Top::read(&text).map_err(|_| "the reply is not UTF-8".to_owned());
                Self { text, top }
            }
        }
    }

    /// The body as JSON text: itself, or `{"raw_text", "json_parse_error", "content_type"}` around
    /// what is not JSON.
    #[must_use]
    pub fn into_json(self, content_type: Option<&str>) -> String {
        #[derive(Serialize)]
        struct Kept<'a> {
            raw_text: &'a str,
            json_parse_error: &'a str,
            content_type: Option<&'a str>,
        }
        match &self.top {
            Ok(_) => self.text,
            Err(error) => {
                let kept = Kept { raw_text: &self.text, json_parse_error: error, content_type };
                serde_json::to_string(&kept).unwrap_or_default()
            }
        }
    }
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
        Body::read(text.as_bytes().to_vec()).top
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
        let kept = Body::read(b"<h1>\"502\"</h1>".to_vec()).into_json(Some("text/html"));
        assert_eq!(
            kept,
            r#"{"raw_text":"<h1>\"502\"</h1>","json_parse_error":"expected value at line 1 column 1","content_type":"text/html"}"#
        );
    }

    #[test]
    fn a_code_is_read_whatever_the_coding_of_the_message() {
        let gbk = b"{\"code\":40003,\"msg\":\"token\xb9\xfd\xc6\xda\"}";
        assert_eq!(Body::read(gbk.to_vec()).top.unwrap().code, Some(40003));
        let marked = b"\xef\xbb\xbf{\"code\":40003}";
        assert_eq!(Body::read(marked.to_vec()).top.unwrap().code, Some(40003));
        assert_eq!(Body::read(marked.to_vec()).text, "{\"code\":40003}");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept_as_text() {
        let body = Body::read(alloc::vec![b'{', 0xff, b'}']);
        assert_eq!((body.text.as_str(), body.top.is_err()), ("{\u{fffd}}", true));
    }
}
