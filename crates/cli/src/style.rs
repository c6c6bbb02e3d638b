//! Colours and marks: both on a terminal, plain text elsewhere.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;

/// Something went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something did not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Something that the component took care of.
pub(crate) const HANDLED: Style = AnsiColor::Yellow.on_default();
/// What a reader looks for first.
pub(crate) const STRONG: Style = Style::new().bold();
/// What a reader may skip.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// `text` in a style, which `anstream` leaves out where the output is not a terminal.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes a line to standard output. A reader that has gone away, as `head` does, is no failure.
///
/// # Errors
/// If the line cannot be written, as on a full disk.
pub(crate) fn print(line: &str) -> anyhow::Result<()> {
    match writeln!(anstream::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error. If that cannot be written, there is no other place to say it.
pub(crate) fn print_error(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// The mark in front of what went well or did not.
pub(crate) fn mark(good: bool) -> String {
    let (style, symbol, word) = if good { (GOOD, "✓", "ok") } else { (BAD, "✗", "FAILED") };
    paint(style, if std::io::stdout().is_terminal() { symbol } else { word })
}
