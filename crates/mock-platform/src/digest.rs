//! Identifiers that look random and are the same for the same input.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Sixteen hexadecimal digits that depend on `input` and nothing else.
pub(crate) fn of(input: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
