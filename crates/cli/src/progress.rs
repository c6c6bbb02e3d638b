//! The progress of a long wait, on a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use oge_tools::log::Log;

use crate::log::write_line;

/// A spinner with the elapsed time if stderr is a terminal; else hidden.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Starts the spinner.
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

    /// Replaces the text beside the spinner.
    pub(crate) fn show(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Returns the text beside the spinner.
    pub(crate) fn last(&self) -> String {
        self.0.message()
    }

    /// Shows the event of a log line beside the spinner. Writes the line above it if `log` includes it.
    pub(crate) fn log(&self, log: Log, line: &str) {
        if let Some(message) = self.0.suspend(|| write_line(log, line)) {
            self.show(&message);
        }
    }

    /// Removes the spinner.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
