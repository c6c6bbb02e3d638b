//! The secrets that a host knows and hides in its guests' failures and logs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oge_tools::error::Failure;
use oge_tools::secret::{KnownSecrets, Redactor, Search, Secret};
use oge_tools::token::Token;

use crate::guest_log::LogSink;

/// The longest line of a log, in bytes.
pub(crate) const LINE_BYTES: usize = 16 * 1024;

/// The secrets of the settings, and the last tokens. Clones share them.
#[derive(Clone, Default)]
pub struct HostSecrets(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    secrets: KnownSecrets,
    /// Prepared by the first line of a log after a change.
    search: Option<Arc<Search>>,
}

impl HostSecrets {
    /// Adds the secrets of settings, which `get` returns by key.
    pub fn add_settings(&self, get: impl Fn(&str) -> Option<String>) {
        let mut known = self.known();
        known.secrets.add_settings(get);
        known.search = None;
    }

    /// Adds a token that is passed to a guest.
    pub(crate) fn add(&self, token: &Token) {
        let mut known = self.known();
        if known.secrets.add(token) {
            known.search = None;
        }
    }

    /// Adds a token that a caller passed.
    pub fn add_caller(&self, token: Secret) {
        let mut known = self.known();
        if known.secrets.add_caller(token) {
            known.search = None;
        }
    }

    /// Returns what hides them.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        self.known().secrets.redactor()
    }

    /// Hides secrets in a failure. The guest knows and hides only those that it sent.
    pub(crate) fn redacted(&self, failure: Failure) -> Failure {
        failure.redacted(&self.redactor())
    }

    /// Returns a sink that hides secrets in every line, because an event of any level can quote the platform.
    pub(crate) fn redacting(&self, sink: LogSink) -> LogSink {
        let known = self.clone();
        Arc::new(move |line: &str| sink(&known.search().start_of(line, LINE_BYTES)))
    }

    fn search(&self) -> Arc<Search> {
        let Known { secrets, search } = &mut *self.known();
        Arc::clone(search.get_or_insert_with(|| Arc::new(secrets.redactor().search())))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_hides_secrets_in_lines_of_every_level() {
        let value = |key: &str| (key == "OGE_TOKEN_PASSWORD").then(|| "MARKER-pass".to_owned());
        let known = HostSecrets::default();
        known.add_settings(value);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&lines);
        let sink = known
            .redacting(Arc::new(move |line: &str| received.lock().unwrap().push(line.to_owned())));
        for (line, expected) in [
            ("error x: not MARKER-pass", "error x: not ***"),
            ("warn x: MARKER-p…", "warn x: ***…"),
            ("info x: MARKER-pass", "info x: ***"),
            (
                r#"{"level":"debug","message":"MARKER-pass"}"#,
                r#"{"level":"debug","message":"***"}"#,
            ),
            ("debug x: MARKER-token", "debug x: MARKER-token"),
        ] {
            sink(line);
            assert_eq!(lines.lock().unwrap().pop().as_deref(), Some(expected));
        }
        let authorization = Secret::new("Bearer MARKER-token");
        known.add(&Token { authorization, generation: 1 });
        sink("debug x: MARKER-token");
        assert_eq!(lines.lock().unwrap().pop().as_deref(), Some("debug x: ***"));
        // Former secrets may still be valid.
        known.add_settings(|key| (key == "OGE_TOKEN_PASSWORD").then(|| "MARKER-next".to_owned()));
        known.add_caller(Secret::new("MARKER-caller"));
        sink("info x: MARKER-pass MARKER-next MARKER-caller");
        assert_eq!(*lines.lock().unwrap(), ["info x: *** *** ***"]);
    }
}
