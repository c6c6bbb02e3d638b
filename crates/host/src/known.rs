//! The secrets that a host knows and hides in its guests' failures and logs.

use std::sync::{Arc, Mutex, PoisonError};

use oge_tools::error::Failure;
use oge_tools::secret::Redactor;
use oge_tools::token::Token;

use crate::guest_log::LogSink;

/// The longest line of a log, in bytes.
pub(crate) const LINE_BYTES: usize = 16 * 1024;

/// The secrets of the settings, and the last tokens. Clones share them.
#[derive(Clone)]
pub(crate) struct HostSecrets(Arc<Mutex<oge_tools::secret::KnownSecrets>>);

impl HostSecrets {
    pub(crate) fn from_settings(get: impl Fn(&str) -> Option<String>) -> Self {
        Self(Arc::new(Mutex::new(oge_tools::secret::KnownSecrets::from_settings(get))))
    }

    /// Adds a token that is passed to a guest.
    pub(crate) fn add(&self, token: &Token) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(token);
    }

    /// Hides secrets in a failure. The guest knows and hides only those that it sent.
    pub(crate) fn redacted(&self, failure: Failure) -> Failure {
        failure.redacted(&self.redactor())
    }

    /// Returns a sink that hides secrets in the lines that can quote the platform: warnings and errors.
    pub(crate) fn redacting(&self, sink: LogSink) -> LogSink {
        let known = self.clone();
        Arc::new(move |line: &str| {
            if line.starts_with("info ") || line.starts_with("debug ") {
                sink(line);
            } else {
                sink(&known.redactor().start_of(line, LINE_BYTES));
            }
        })
    }

    fn redactor(&self) -> Redactor {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).redactor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_hides_secrets_in_warnings_and_errors() {
        let value = |key: &str| (key == "OGE_TOKEN_PASSWORD").then(|| "MARKER-pass".to_owned());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&lines);
        let sink = HostSecrets::from_settings(value)
            .redacting(Arc::new(move |line: &str| received.lock().unwrap().push(line.to_owned())));
        for line in ["error x: not MARKER-pass", "warn x: MARKER-p…", "MARKER-pass", "info x: y"]
        {
            sink(line);
        }
        assert_eq!(
            *lines.lock().unwrap(),
            ["error x: not ***", "warn x: ***…", "***", "info x: y"]
        );
    }
}
