//! The five tools as an MCP server, in one component: over stdio and over Streamable HTTP.
//!
//! The protocol is the official SDK's, `rmcp`. Data flows one way: [`server`] (protocol) → [`oge`]
//! (which tool) → [`arguments`] → the core, which is linked as a library → [`result`]. Calls wait in a
//! reactor of the component's own, so that while one waits all others go on. [`access`] decides who
//! may call. Everything outside the core is behind one trait, [`oge::ServerEnv`]; `wasi` is the
//! shell.

pub mod accept;
pub mod access;
pub mod arguments;
pub mod callers;
pub mod cors;
mod ignored;
pub mod memory;
pub mod message;
pub mod names;
pub mod oge;
pub mod progress;
pub mod result;
pub mod server;
pub mod tools;
#[cfg(target_family = "wasm")]
pub mod wasi;
mod watch;
