//! The log, on standard error.

use wasip2::cli::stderr::get_stderr;

use super::clock::WasiClock;
use crate::client::Clock as _;
use crate::log::{Event, Log};

/// Writes an event's line if the log includes it. `call` identifies the call. Errors are ignored, so that the log
/// never fails a call.
pub fn write(log: Log, operation: &str, event: Event<'_>, call: Option<&str>) {
    /// The most that `blocking-write-and-flush` accepts.
    const MAX_BYTES: usize = 4096;
    if let Some(line) = log.line(operation, event, call, WasiClock.wall()) {
        let stderr = get_stderr();
        for part in line.as_bytes().chunks(MAX_BYTES) {
            if stderr.blocking_write_and_flush(part).is_err() {
                break;
            }
        }
    }
}
