//! The log, on standard error.

use wasip2::cli::stderr::get_stderr;

use crate::log::{Event, Level};

/// Writes an event's line if `level` includes it. Errors are ignored, so that the log never fails a call.
pub fn write(level: Level, operation: &str, event: Event<'_>) {
    /// The most that `blocking-write-and-flush` accepts.
    const MAX_BYTES: usize = 4096;
    if event.level() <= level {
        let stderr = get_stderr();
        for part in event.line(operation).as_bytes().chunks(MAX_BYTES) {
            if stderr.blocking_write_and_flush(part).is_err() {
                break;
            }
        }
    }
}
