//! The numbers of callers and the sizes of responses that are measured.

/// The numbers of concurrent callers.
pub(crate) const CALLERS: [usize; 4] = [1, 8, 64, 512];

/// The sizes of responses with their names in the tables.
pub(crate) const SIZES: [(&str, usize); 3] =
    [("1 KiB", 1 << 10), ("1 MiB", 1 << 20), ("16 MiB", 16 << 20)];
