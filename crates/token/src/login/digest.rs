//! Digests that name an account or notice that its credentials changed.

use alloc::string::String;
use core::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// How many bytes of a SHA-256 name an account: enough that two accounts of one user never collide.
const NAME_BYTES: usize = 8;

/// SHA-256 over parts. Each part has its length in front, so that no two lists of parts are equal.
#[derive(Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    pub(crate) fn part(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// A part that may be absent, which is not the same as empty.
    pub(crate) fn optional(self, part: Option<&str>) -> Self {
        match part {
            Some(part) => self.part([1]).part(part),
            None => self.part([0]),
        }
    }

    /// The whole digest in hex.
    pub(crate) fn hex(self) -> String {
        hex(&self.0.finalize())
    }

    /// The start of the digest in hex, for use in a file name.
    pub(crate) fn name(self) -> String {
        hex(self.0.finalize().get(..NAME_BYTES).unwrap_or_default())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
