//! The progress of a long wait, on a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::style::print_error;

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

    /// Writes a log line above the spinner.
    pub(crate) fn log(&self, line: &str) {
        self.0.suspend(|| print_error(line));
    }

    /// Removes the spinner.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
