//! Identifiers that look random but depend only on their input.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Returns sixteen hexadecimal digits that depend only on `input`.
pub(crate) fn of(input: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
