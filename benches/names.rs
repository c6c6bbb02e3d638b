//! What is measured: how many callers, and how long the responses.

/// How many callers there are at once.
pub(crate) const CALLERS: [usize; 4] = [1, 8, 64, 512];

/// How long responses are, by what the tables call it.
pub(crate) const SIZES: [(&str, usize); 3] =
    [("1 KiB", 1 << 10), ("1 MiB", 1 << 20), ("16 MiB", 16 << 20)];
