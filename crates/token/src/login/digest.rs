//! Digests that identify an account or detect changed credentials.

use alloc::string::String;
use core::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// How many bytes of a SHA-256 identify an account: enough that the accounts of one user never collide.
const NAME_BYTES: usize = 8;

/// SHA-256 over parts. Each part is preceded by its length, so that different lists of parts differ.
#[derive(Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// Adds a part that may be absent. An absent part differs from an empty one.
    pub(crate) fn optional(self, part: Option<&str>) -> Self {
        match part {
            Some(part) => self.part([1]).part(part),
            None => self.part([0]),
        }
    }

    /// Returns the whole digest in hex.
    pub(crate) fn hex(self) -> String {
        hex(&self.0.finalize())
    }

    /// Returns the start of the digest, in 16 hex digits.
    #[must_use]
    pub fn name(self) -> String {
        hex(self.0.finalize().get(..NAME_BYTES).unwrap_or_default())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
