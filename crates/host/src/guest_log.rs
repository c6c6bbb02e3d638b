//! The guest's standard error, line by line.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::known::LINE_BYTES;

/// How many bytes one call may log. The rest is dropped.
const CALL_BYTES: usize = 1024 * 1024;

/// Receives a guest's log, one line at a time, without the line feed.
pub type LogSink = Arc<dyn Fn(&str) + Send + Sync>;

/// A guest's standard error.
#[derive(Clone)]
pub(crate) struct GuestLog(Arc<Mutex<Lines>>);

struct Lines {
    sink: LogSink,
    line: Vec<u8>,
    left: usize,
}

impl GuestLog {
    pub(crate) fn new(sink: LogSink) -> Self {
        Self(Arc::new(Mutex::new(Lines { sink, line: Vec::new(), left: CALL_BYTES })))
    }

    /// Logs bytes. Returns whether there was room; if not, the guest's log is closed.
    fn take(&self, bytes: &[u8]) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = bytes.get(..lines.left).unwrap_or(bytes);
        for part in taken.split_inclusive(|byte| *byte == b'\n') {
            match part.split_last() {
                Some((b'\n', text)) => {
                    lines.add(text);
                    lines.end_line();
                }
                _ => lines.add(part),
            }
        }
        let had_room = lines.left > 0;
        lines.left = lines.left.saturating_sub(bytes.len());
        if had_room && lines.left == 0 {
            lines.end_line();
            (lines.sink)("(the component logs too much; the rest of this call's log is left out)");
        }
        had_room
    }
}

impl Lines {
    fn add(&mut self, text: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.line.len());
        self.line.extend_from_slice(text.get(..room).unwrap_or(text));
    }

    fn end_line(&mut self) {
        if !self.line.is_empty() {
            (self.sink)(&String::from_utf8_lossy(&self.line));
            self.line.clear();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_line();
    }
}

impl OutputStream for GuestLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes).then_some(()).ok_or(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(parts: &[&[u8]]) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let log = GuestLog::new(Arc::new(move |line| sink.lock().unwrap().push(line.to_owned())));
        for part in parts {
            log.take(part);
        }
        drop(log);
        Arc::try_unwrap(lines).unwrap().into_inner().unwrap()
    }

    #[test]
    fn lines_are_whole_however_they_are_written() {
        assert_eq!(logged(&[b"a", b"b\nc", b"d\n\ne"]), ["ab", "cd", "e"]);
    }

    #[test]
    fn a_log_that_is_too_large_is_cut_with_a_notice() {
        let lines = logged(&[&vec![b'x'; 2 * CALL_BYTES], b"more\n"]);
        assert_eq!((lines.len(), lines[0].len()), (2, LINE_BYTES));
    }
}
