//! The five tools as an MCP server, in one component: over stdio and over Streamable HTTP.
//!
//! The official SDK, `rmcp`, implements the protocol. Data flows one way: [`server`] (protocol) →
//! [`oge_toolbox`] (which tool) → [`arguments`] → the core, which is linked as a library → [`result`]. Calls
//! wait in the component's own reactor, so that all others continue while one waits. [`access`]
//! controls access. All effects are behind one trait, [`oge_toolbox::ServerEnv`], which the module `wasi`
//! implements.

pub mod accept;
pub mod access;
pub mod allowed_names;
pub mod arguments;
pub mod callers;
pub mod cors;
mod ignored;
pub mod memory;
pub mod message;
pub mod oge_toolbox;
pub mod progress;
pub mod result;
pub mod server;
pub mod tools;
#[cfg(target_family = "wasm")]
pub mod wasi;
