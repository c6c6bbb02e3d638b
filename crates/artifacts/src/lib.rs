//! The components of this workspace, built by this crate's build script.
//!
//! Crates that depend on this one need no other step: `cargo test` and `cargo demo` build the components
//! first. `cargo components` copies the components for users to `target/components/`.

use std::path::Path;

use anyhow::bail;
use wasm_metadata::Payload;
use wit_parser::decoding::{self, DecodedWasm};
use wit_parser::{Resolve, WorldId};

/// Returns the file name of each component for users, and where it was built.
#[must_use]
pub fn all() -> [(&'static str, &'static Path); 6] {
    [
        ("oge-tools.wasm", tools()),
        ("oge-token-store.wasm", token_store()),
        ("oge-tools-standalone.wasm", standalone()),
        ("oge-tools-wassette.wasm", wassette()),
        ("oge-mcp.wasm", mcp()),
        ("oge-tools-wit.wasm", wit()),
    ]
}

/// Returns the tools component, which exports `oge:tools` and imports a token store.
#[must_use]
pub fn tools() -> &'static Path {
    Path::new(env!("OGE_TOOLS_WASM"))
}

/// Returns the token store component, which exports `oge:tools/token-store` and imports only WASI.
#[must_use]
pub fn token_store() -> &'static Path {
    Path::new(env!("OGE_TOKEN_STORE_WASM"))
}

/// Returns the tools composed with the token store, which import only WASI.
#[must_use]
pub fn standalone() -> &'static Path {
    Path::new(env!("OGE_STANDALONE_WASM"))
}

/// Returns the same with the tools' functions at the root of the world and settings from `wasi:config`.
#[must_use]
pub fn wassette() -> &'static Path {
    Path::new(env!("OGE_WASSETTE_WASM"))
}

/// Returns the MCP server: a command for stdio and an HTTP handler. Imports only WASI.
#[must_use]
pub fn mcp() -> &'static Path {
    Path::new(env!("OGE_MCP_WASM"))
}

/// Returns `wit/` as a WIT package in one file.
#[must_use]
pub fn wit() -> &'static Path {
    Path::new(env!("OGE_WIT_WASM"))
}

/// Returns a guest of the tools' world that misbehaves on request, for tests of a host's limits.
#[must_use]
pub fn hostile() -> &'static Path {
    Path::new(env!("OGE_HOSTILE_WASM"))
}

/// Returns the hostile guest in place of the tools in the standalone component, for tests of what it can read.
#[must_use]
pub fn hostile_standalone() -> &'static Path {
    Path::new(env!("OGE_HOSTILE_STANDALONE_WASM"))
}

/// Returns the hostile guest with the Wassette component's token store and settings from `wasi:config`.
#[must_use]
pub fn hostile_config() -> &'static Path {
    Path::new(env!("OGE_HOSTILE_CONFIG_WASM"))
}

/// Returns the standalone component behind an HTTP handler, for tests under `wasmtime serve`.
#[must_use]
pub fn gateway() -> &'static Path {
    Path::new(env!("OGE_GATEWAY_WASM"))
}

/// Reads the world of a component.
///
/// # Errors
/// Fails if the file cannot be read or is not a component.
pub fn decode(path: &Path) -> anyhow::Result<(Resolve, WorldId)> {
    match decoding::decode(&std::fs::read(path)?)? {
        DecodedWasm::Component(resolve, world) => Ok((resolve, world)),
        DecodedWasm::WitPackage(..) => bail!("{} is a WIT package", path.display()),
    }
}

/// Reads the metadata of a component: name, version, licence, source revision.
///
/// # Errors
/// Fails if the file cannot be read or is not WebAssembly.
pub fn metadata(path: &Path) -> anyhow::Result<Payload> {
    Payload::from_binary(&std::fs::read(path)?)
}
