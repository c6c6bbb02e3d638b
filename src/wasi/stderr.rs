//! The log, on standard error.

use wasip2::cli::stderr::get_stderr;

use crate::log::{Event, Level};

/// Writes an event's line where `level` shows it. A log that cannot be written stops no call.
pub fn write(level: Level, operation: &str, event: Event<'_>) {
    /// What `blocking-write-and-flush` takes at once.
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
