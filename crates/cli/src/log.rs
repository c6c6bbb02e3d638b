//! Which lines of a guest's log are printed.

use oge_tools::log::Level;

use crate::style::print_error;

/// Writes a line to standard error if its first word is a level that `level` includes, or no level.
pub(crate) fn write_log(level: Level, line: &str) {
    if is_included(level, line) {
        print_error(line);
    }
}

/// Returns whether `level` includes the level of a line. A line without one counts as a warning.
pub(crate) fn is_included(level: Level, line: &str) -> bool {
    let word = line.split_once(' ').and_then(|(word, _)| Level::parse(word));
    word.unwrap_or(Level::Warn) <= level
}

/// Returns the event of a line, without its level and its operation.
pub(crate) fn event(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(_, event)| event)
}
