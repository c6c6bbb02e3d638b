//! The components of this workspace, built by this crate's build script.
//!
//! A dependant needs no other step: `cargo test` and `cargo demo` build the components first.

use std::path::Path;

/// The tools component: exports `oge:tools`, imports a token store.
#[must_use]
pub fn tools() -> &'static Path {
    Path::new(env!("OGE_TOOLS_WASM"))
}

/// A guest of the same world that misbehaves as it is told. For tests of a host's limits.
#[must_use]
pub fn hostile() -> &'static Path {
    Path::new(env!("OGE_HOSTILE_WASM"))
}
