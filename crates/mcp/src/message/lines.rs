//! Splits bytes into messages, one per line.

use super::{INVALID_REQUEST, IdFinder, Refusal};

/// Splits bytes into lines of at most `limit` bytes, in whatever chunks they arrive. Skips blank lines.
#[derive(Debug)]
pub struct Lines {
    limit: usize,
    /// The last chunk, of which the part from `at` is not processed yet.
    chunk: Vec<u8>,
    at: usize,
    line: Vec<u8>,
    /// Set while a line over the limit is read. Nothing else of that line is kept.
    over: Option<IdFinder>,
}

impl Lines {
    /// Returns a splitter for lines of at most `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, chunk: Vec::new(), at: 0, line: Vec::new(), over: None }
    }

    /// Adds a chunk. [`Self::next_line`] must have returned `None` before.
    pub fn push(&mut self, chunk: Vec<u8>) {
        self.chunk = chunk;
        self.at = 0;
    }

    /// Returns the next line, or `None` if it needs another chunk.
    pub fn next_line(&mut self) -> Option<Result<Vec<u8>, Refusal>> {
        let chunk = std::mem::take(&mut self.chunk);
        let mut line = None;
        while line.is_none()
            && let Some(rest) = chunk.get(self.at..).filter(|rest| !rest.is_empty())
        {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let (part, _) = rest.split_at(end.unwrap_or(rest.len()));
            self.keep(part);
            self.at += part.len() + usize::from(end.is_some());
            line = end.and_then(|_| self.last_line());
        }
        self.chunk = chunk;
        line
    }

    /// Returns the last line, which has no line feed, at the end of the input.
    pub fn last_line(&mut self) -> Option<Result<Vec<u8>, Refusal>> {
        let line = std::mem::take(&mut self.line);
        if let Some(over) = self.over.take() {
            let limit = self.limit;
            let reason = format!("Invalid Request: the message is larger than {limit} bytes");
            return Some(Err(Refusal::new(INVALID_REQUEST, over.id(), reason)));
        }
        (!line.iter().all(u8::is_ascii_whitespace)).then_some(Ok(line))
    }

    fn keep(&mut self, part: &[u8]) {
        if let Some(over) = &mut self.over {
            over.push(part);
        } else if self.line.len() + part.len() > self.limit {
            let mut over = IdFinder::default();
            over.push(&std::mem::take(&mut self.line));
            over.push(part);
            self.over = Some(over);
        } else {
            self.line.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Returns the lines of these bytes: the text of each, or the id of its refusal.
    fn lines(bytes: &[u8], chunk: usize) -> Vec<String> {
        let mut lines = Lines::new(20);
        let mut all = Vec::new();
        for chunk in bytes.chunks(chunk) {
            lines.push(chunk.to_vec());
            all.extend(std::iter::from_fn(|| lines.next_line()));
        }
        all.extend(lines.last_line());
        let text = |line: Result<Vec<u8>, Refusal>| match line {
            Ok(line) => String::from_utf8(line).unwrap(),
            Err(refusal) => {
                assert_eq!(refusal.code, Some(INVALID_REQUEST));
                format!("over {}", refusal.id)
            }
        };
        all.into_iter().map(text).collect()
    }

    #[test]
    fn lines_are_the_same_for_all_chunk_sizes() {
        let long = "x".repeat(30);
        let bytes = format!(
            "one\n\n \r\ntwo\r\n{{\"a\":\"{long}\",\"id\":7}}\n{long}\n{}\nlast",
            "y".repeat(20)
        );
        let expected = ["one", "two\r", "over 7", "over null", &"y".repeat(20), "last"];
        for chunk in 1..=bytes.len() {
            assert_eq!(lines(bytes.as_bytes(), chunk), expected, "{chunk}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_not_buffered() {
        let mut lines = Lines::new(20);
        lines.push(br#"{"id":5,"#.to_vec());
        assert!(lines.next_line().is_none());
        for _ in 0..100 {
            lines.push(vec![b'x'; 1000]);
            assert!(lines.next_line().is_none());
            assert_eq!(lines.line.capacity(), 0);
        }
        assert_eq!(lines.last_line().unwrap().unwrap_err().id, json!(5));
    }
}
