//! The components of this workspace, built by this crate's build script.
//!
//! A dependant needs no other step: `cargo test` and `cargo demo` build the components first.
//! `cargo components` copies those that are for users to `target/components/`.

use std::path::Path;

use anyhow::bail;
use wasm_metadata::Payload;
use wit_parser::decoding::{self, DecodedWasm};
use wit_parser::{Resolve, WorldId};

/// The components for users: the file name of each, and where it was built.
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

/// The tools component: exports `oge:tools`, imports a token store.
#[must_use]
pub fn tools() -> &'static Path {
    Path::new(env!("OGE_TOOLS_WASM"))
}

/// The token store component: exports `oge:tools/token-store`, imports nothing but WASI.
#[must_use]
pub fn token_store() -> &'static Path {
    Path::new(env!("OGE_TOKEN_STORE_WASM"))
}

/// The tools with the token store composed in: imports nothing but WASI.
#[must_use]
pub fn standalone() -> &'static Path {
    Path::new(env!("OGE_STANDALONE_WASM"))
}

/// The same with the five functions at the root of its world and its settings from `wasi:config`.
#[must_use]
pub fn wassette() -> &'static Path {
    Path::new(env!("OGE_WASSETTE_WASM"))
}

/// The MCP server: over stdio as a command, over HTTP as a handler. Imports nothing but WASI.
#[must_use]
pub fn mcp() -> &'static Path {
    Path::new(env!("OGE_MCP_WASM"))
}

/// The contract, `wit/`, as a WIT package in one file.
#[must_use]
pub fn wit() -> &'static Path {
    Path::new(env!("OGE_WIT_WASM"))
}

/// A guest of the tools' world that misbehaves as it is told. For tests of a host's limits.
#[must_use]
pub fn hostile() -> &'static Path {
    Path::new(env!("OGE_HOSTILE_WASM"))
}

/// The same guest in the tools' place in the standalone component. For tests of what that place sees.
#[must_use]
pub fn hostile_standalone() -> &'static Path {
    Path::new(env!("OGE_HOSTILE_STANDALONE_WASM"))
}

/// The same guest with the token store of the Wassette component, settings from `wasi:config`.
#[must_use]
pub fn hostile_config() -> &'static Path {
    Path::new(env!("OGE_HOSTILE_CONFIG_WASM"))
}

/// The standalone component behind an HTTP handler. For tests under `wasmtime serve`.
#[must_use]
pub fn gateway() -> &'static Path {
    Path::new(env!("OGE_GATEWAY_WASM"))
}

/// The MCP server with the conformance suite's tools in place of ours. For tests.
#[must_use]
pub fn mcp_fixtures() -> &'static Path {
    Path::new(env!("OGE_MCP_FIXTURES_WASM"))
}

/// What a component says of itself: its world, and the package that its world stands in.
///
/// # Errors
/// Where the file cannot be read, or is no component.
pub fn decode(path: &Path) -> anyhow::Result<(Resolve, WorldId)> {
    match decoding::decode(&std::fs::read(path)?)? {
        DecodedWasm::Component(resolve, world) => Ok((resolve, world)),
        DecodedWasm::WitPackage(..) => bail!("{} is a WIT package", path.display()),
    }
}

/// What a component says of its making: name, version, licence, source revision.
///
/// # Errors
/// Where the file cannot be read, or is no WebAssembly.
pub fn metadata(path: &Path) -> anyhow::Result<Payload> {
    Payload::from_binary(&std::fs::read(path)?)
}
