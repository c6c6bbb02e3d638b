//! The size of a result, before it is built, and its text without white space.

use std::io;

use rmcp::model::CallToolResult;
use serde::Serialize;

/// The bytes of a message around its result: the JSON-RPC fields with an `id`, and what the SDK adds in the
/// newest protocol, such as the server's name. That is about 300 bytes, plus room for a long `id`.
pub(super) const FRAME: usize = 512;

/// The bytes of a result around its two envelopes.
const RESULT: usize = concat!(
    r#"{"resultType":"complete","content":[{"type":"text","text":""}],"#,
    r#""structuredContent":,"isError":false}"#
)
.len();

/// How many bytes of a result that is too large are shown in its failure.
pub(super) const EXCERPT: usize = 2048;

/// Returns the size of the message with this result.
pub(super) fn message_bytes(result: &CallToolResult) -> usize {
    let mut length = Length(FRAME);
    write(&mut length, result);
    length.0
}

/// Writes JSON. Cannot fail: all these values can be serialized, and these writers never fail.
pub(super) fn write(to: impl io::Write, what: &impl Serialize) {
    let _ = serde_json::to_writer(to, what);
}

/// The state of a scan that removes white space outside strings.
#[derive(Clone, Copy, Debug, Default)]
struct Spaces {
    in_string: bool,
    is_escaped: bool,
}

impl Spaces {
    /// Returns whether the next byte, `byte`, belongs to compact JSON.
    fn keeps(&mut self, byte: u8) -> bool {
        let keeps = self.in_string || !byte.is_ascii_whitespace();
        self.in_string ^= byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        keeps
    }
}

/// The size of an envelope, and what determines the size of its result.
#[derive(Debug, Default)]
pub(super) struct Size {
    spaces: Spaces,
    /// The size as serialized.
    pub(super) raw: usize,
    /// The size without white space.
    pub(super) compact: usize,
    /// The number of quotes and backslashes, which the text content escapes again.
    escapes: usize,
    values: usize,
    objects: usize,
    /// The start of the compact text.
    pub(super) start: Vec<u8>,
}

impl Size {
    /// Returns the size of the message: the envelope as escaped text and as structured content.
    pub(super) fn message(&self) -> usize {
        self.compact * 2 + self.escapes + RESULT + FRAME
    }

    /// Returns an upper bound of the memory that the envelope takes as a value. An object is a tree whose first
    /// node has room for eleven fields.
    pub(super) fn value(&self) -> usize {
        self.compact * 2 + self.values * 48 + self.objects * 400
    }
}

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.raw += bytes.len();
        for byte in bytes {
            if !self.spaces.keeps(*byte) {
                continue;
            }
            self.compact += 1;
            if self.start.len() < 2 * EXCERPT {
                self.start.push(*byte);
            }
            match byte {
                b'"' | b'\\' => self.escapes += 1,
                b',' | b'[' => self.values += 1,
                b'{' => self.objects += 1,
                _ => {}
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes compact JSON.
pub(super) struct Compact {
    spaces: Spaces,
    to: Vec<u8>,
}

impl Compact {
    /// Appends to `to`.
    pub(super) fn new(to: Vec<u8>) -> Self {
        Self { spaces: Spaces::default(), to }
    }

    /// Returns the text.
    pub(super) fn into_text(self) -> String {
        // JSON is UTF-8.
        String::from_utf8(self.to).unwrap_or_default()
    }
}

impl io::Write for Compact {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { spaces, to } = self;
        to.extend(bytes.iter().filter(|byte| spaces.keeps(**byte)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts bytes.
struct Length(usize);

impl io::Write for &mut Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
