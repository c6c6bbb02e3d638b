//! A long wait shows that it is one, where somebody is looking.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::style::print_error;

/// A spinner with the time so far, on a terminal's stderr; nothing elsewhere.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Starts to spin.
    pub(crate) fn start(what: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Writes a line of the log, above the spinner.
    pub(crate) fn log(&self, line: &str) {
        self.0.suspend(|| print_error(line));
    }

    /// Takes the spinner away.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
