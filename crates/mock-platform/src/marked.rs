//! An account whose every credential has a marker, and the search for it.

use crate::options::Credentials;

impl Credentials {
    /// Credentials that nothing may show: each has `MARKER` in it, and marks that every code spells in
    /// its own way.
    #[must_use]
    pub fn marked() -> Self {
        Self {
            password: "MARKER_P@ss \"word&1".to_owned(),
            client_secret: "MARKER-client=secret.~".to_owned(),
            ..Self::default()
        }
    }
}

/// That a text shows something, and neither a marker, a token, nor a usual spelling of a
/// [marked](Credentials::marked) credential.
///
/// # Panics
/// Where it does not.
#[track_caller]
pub fn assert_unmarked(shown: &str) {
    assert!(!shown.is_empty());
    for secret in ["MARKER", "eyJ", "P%40ss", "ss \\\"word", "client%3D", "TUFSS0VS"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
