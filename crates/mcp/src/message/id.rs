//! Finds the id of a message that cannot be parsed because it is too long or not JSON.

use rmcp::model::RequestId;
use serde_json::Value;

/// The longest name or value that is examined.
const MAX_BYTES: usize = 256;

/// Finds the value of the outermost field `id` in arbitrary bytes. It buffers at most one name or value of
/// `MAX_BYTES`, so that a message may have any length.
#[derive(Debug, Default)]
pub struct IdFinder {
    depth: usize,
    is_text: bool,
    is_escaped: bool,
    /// Whether the value of `id` is being read.
    is_id: bool,
    /// The name or value that is being read, at the outermost depth.
    word: Vec<u8>,
    id: Value,
}

impl IdFinder {
    /// Returns the id in `bytes`, or `null` if there is none.
    #[must_use]
    pub fn find(bytes: &[u8]) -> Value {
        let mut finder = Self::default();
        finder.push(bytes);
        finder.id()
    }

    /// Examines the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.next(*byte));
    }

    /// Returns the last id that was found, or `null` if there is none.
    #[must_use]
    pub fn id(self) -> Value {
        self.id
    }

    fn next(&mut self, byte: u8) {
        if self.is_text {
            self.keep(byte);
            if self.is_escaped {
                self.is_escaped = false;
            } else {
                self.is_escaped = byte == b'\\';
                self.is_text = byte != b'"';
            }
            return;
        }
        match byte {
            b'"' => {
                self.is_text = true;
                self.keep(byte);
            }
            b'{' | b'[' => {
                // An object or a list is not an id.
                self.end();
                self.depth += 1;
            }
            b'}' | b']' => {
                self.end();
                self.depth = self.depth.saturating_sub(1);
            }
            b',' => self.end(),
            b':' if self.depth == 1 => {
                self.is_id = self.word == b"\"id\"";
                self.word.clear();
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.word.len() <= MAX_BYTES {
            self.word.push(byte);
        }
    }

    /// Ends a value.
    fn end(&mut self) {
        if self.depth == 1 {
            let word = std::mem::take(&mut self.word);
            if std::mem::take(&mut self.is_id)
                && let Ok(id) = serde_json::from_slice::<RequestId>(&word)
            {
                self.id = id.into_json_value();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_outermost_id_is_found() {
        for (bytes, id) in [
            (&br#"{"id":7,"method":"#[..], json!(7)),
            (
                br#"{"method":"m","params":{"id":1,"a":[{"id":2}]},"jsonrpc":"2.0","id": "x y" }"#,
                json!("x y"),
            ),
            (br#"{"params":{"text":"}\"id\":5,{"},"id":6}"#, json!(6)),
            (b"{\"params\":{\"text\":\"\xff\xfe\"},\"id\":-3}", json!(-3)),
            (br#"{"a": , "id": 4, }"#, json!(4)),
            (br#"{"id": 4"#, json!(null)),
            (br#"{"id": null}"#, json!(null)),
            (br#"{"id": {"id": 3}}"#, json!(null)),
            (br#"{"id": 1.5}"#, json!(null)),
            (br#"{"a": "id", "b": 3}"#, json!(null)),
            (br#"[{"id": 3}]"#, json!(null)),
            (br#"}}}]{"id": 3}"#, json!(3)),
            (b"", json!(null)),
        ] {
            assert_eq!(IdFinder::find(bytes), id, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_long_message_is_not_buffered() {
        let mut finder = IdFinder::default();
        finder.push(br#"{"id":"#);
        (0..1000).for_each(|_| finder.push(&[b'9'; 1000]));
        assert!(finder.word.len() <= MAX_BYTES + 1);
        finder.push(br#", "id": "late"}"#);
        assert_eq!(finder.id(), json!("late"));
    }
}
