//! The command `oge`.

fn main() {}
