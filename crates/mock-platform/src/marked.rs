//! Credentials with markers, and the check that a text has none of them.

use crate::options::Credentials;

impl Credentials {
    /// Returns credentials that no output may show. Each has `MARKER` in it, and characters that each encoding
    /// writes differently.
    #[must_use]
    pub fn marked() -> Self {
        Self {
            password: "MARKER_P@ss \"word&1".to_owned(),
            client_secret: "MARKER-client=secret.~".to_owned(),
            ..Self::default()
        }
    }
}

/// Asserts that a text is not empty and has no marker, no token, and no encoded part of a
/// [marked](Credentials::marked) credential.
///
/// # Panics
/// If the text is empty or has one of them.
#[track_caller]
pub fn assert_no_secret(shown: &str) {
    assert!(!shown.is_empty());
    for secret in ["MARKER", "eyJ", "P%40ss", "ss \\\"word", "client%3D", "TUFSS0VS"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
