//! Identifiers that look random but depend only on their input.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Returns sixteen hexadecimal digits that depend only on `input`.
pub(crate) fn of(input: impl Hash) -> String {
    format!("{:016x}", number(input))
}

/// Returns a number from 2^53 that depends only on `input` and that no `f64` is equal to.
pub(crate) fn large(input: impl Hash) -> u64 {
    1 << 53 | number(input) >> 11 | 1
}

fn number(input: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    hasher.finish()
}
