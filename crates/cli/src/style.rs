//! Output with colours and symbols on a terminal, and plain text elsewhere.

use std::fmt::{self, Display};
use std::io::{ErrorKind, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;

/// Success.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Failure.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// A problem that the component handled.
pub(crate) const HANDLED: Style = AnsiColor::Yellow.on_default();
/// Important text.
pub(crate) const STRONG: Style = Style::new().bold();
/// Secondary text.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// What cannot be written. The command fails with it, although the call may have succeeded.
#[derive(Debug)]
pub(crate) struct NotWritten(pub(crate) &'static str);

impl Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be written", self.0)
    }
}

/// Returns `text` in a style. `anstream` removes the style if the output is not a terminal.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes a line to standard output. A closed pipe, as with `head`, is not an error.
///
/// # Errors
/// Fails if the line cannot be written, for example on a full disk.
pub(crate) fn print(line: &str) -> anyhow::Result<()> {
    match writeln!(anstream::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context(NotWritten("standard output"))
        }
        _ => Ok(()),
    }
}

/// Returns the mark in front of a success or a failure.
pub(crate) fn mark(good: bool) -> String {
    let (style, symbol, word) = if good { (GOOD, "✓", "ok") } else { (BAD, "✗", "FAILED") };
    paint(style, if std::io::stdout().is_terminal() { symbol } else { word })
}
