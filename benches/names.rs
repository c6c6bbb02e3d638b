//! What is measured and what is written down go by the same names: both programs include this file.

/// How many callers there are at once.
pub(crate) const CALLERS: [usize; 4] = [1, 8, 64, 512];

/// How long replies are, by what the tables call it.
pub(crate) const SIZES: [(&str, usize); 3] =
    [("1 KiB", 1 << 10), ("1 MiB", 1 << 20), ("16 MiB", 16 << 20)];

/// The ways in which a server runs the gateway, which asks for a task's state and nothing else.
pub(crate) const GATEWAYS: [&str; 2] = ["wasmtime serve", "wasmCloud"];
