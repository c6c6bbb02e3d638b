//! The tools as an MCP server, in one component: over stdio and over Streamable HTTP.
//!
//! `oge-mcp-server` is the server. This is its WASI shell: the core and the token store are linked as
//! libraries, and calls wait in a reactor, so that all others continue while one waits.

#[cfg(target_family = "wasm")]
pub mod wasi;
