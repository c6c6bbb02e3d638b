//! Values that must never be seen, and the texts they are taken out of.

mod index;
mod known;
mod redactor;
mod spelling;

use alloc::string::String;
use core::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroize as _;

pub use known::Known;
pub use redactor::{EXCERPT_BYTES, Redactor, Search};

/// A token, password or secret: no `Display`, no `Serialize`, a constant `Debug`, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    /// Not inlined: secrets are dropped in many places, and wiping is a loop.
    #[inline(never)]
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What is no text is refused without being told.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = |_| D::Error::custom("it must be a text; what it was is not shown");
        String::deserialize(deserializer).map(Self).map_err(refused)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The longest prefix of `text` within `bytes` bytes that ends between two characters.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("MARKER")), "***");
    }
}
