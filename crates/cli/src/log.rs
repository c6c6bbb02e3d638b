//! The log. Guests log as JSON, because their events are a call's progress too.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oge_mcp_server::progress::Progress;
use oge_tools::log::{Event, Format, Level, Log, escape_control, json};
use serde::Deserialize;

use crate::stderr::print_error;

/// A line of a guest or of its host, in JSON.
#[derive(Deserialize)]
struct Line {
    level: String,
    operation: String,
    event: String,
    message: String,
}

impl Line {
    /// Reads a line. Prints it if it is not JSON. A guest may be hostile, so what controls a terminal is escaped.
    fn read(line: &str) -> Option<Self> {
        let read = serde_json::from_str(line);
        read.inspect_err(|_| print_line(&escape_control(line))).ok()
    }

    /// Writes the line, which was read from `json`, to standard error if the log includes its level.
    fn write(&self, log: Log, json: &str) {
        if Level::parse(&self.level).is_some_and(|level| level <= log.level) {
            match log.format {
                Format::Text => {
                    let text = format!("{} {}: {}", self.level, self.operation, self.message);
                    print_error(&escape_control(&text));
                }
                Format::Json => print_error(json),
            }
        }
    }
}

/// Logs a line of a guest, and reports it to the client. Leaves out the call's failure, which the toolbox logs
/// and the result has.
pub(crate) fn observe(log: Log, line: &str, progress: &Progress) {
    if let Some(read) = Line::read(line)
        && read.event != "failed"
    {
        read.write(log, line);
        progress.tell(read.message);
    }
}

/// Logs a line of a guest or of its host, and returns its message.
pub(crate) fn write_line(log: Log, line: &str) -> Option<String> {
    let read = Line::read(line)?;
    read.write(log, line);
    Some(read.message)
}

/// Writes an event to standard error if the log includes its level.
pub(crate) fn write_event(log: Log, operation: &str, event: Event<'_>, call: Option<&str>) {
    if let Some(line) = log.line(operation, event, call, wall_clock()) {
        print_error(line.trim_end());
    }
}

/// The format of this process's own lines. Text, unless [`set_format`] was called.
static FORMAT: OnceLock<Format> = OnceLock::new();

/// Sets the format of this process's own lines. The first call counts.
pub(crate) fn set_format(format: Format) {
    let _ = FORMAT.set(format);
}

/// Writes a line of this process to standard error, in its format.
pub(crate) fn print_line(line: &str) {
    print_error(&in_format(line));
}

/// Returns a line of this process in its format.
pub(crate) fn in_format(line: &str) -> Cow<'_, str> {
    match FORMAT.get() {
        Some(Format::Json) => json::of_text(line, wall_clock()).trim_end().to_owned().into(),
        _ => line.into(),
    }
}

/// Returns the time since 1970; zero if the clock is before that.
#[expect(clippy::disallowed_methods, reason = "a shell: this is where time comes in")]
pub(crate) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
