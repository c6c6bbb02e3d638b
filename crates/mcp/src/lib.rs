//! The tools as an MCP server, over stdio and over Streamable HTTP.
//!
//! The official SDK, `rmcp`, implements the protocol. Data flows one way: [`stdio`] or [`http`] (transport) →
//! [`server`] (protocol) → [`oge_toolbox`] (which tool) → [`arguments`] → the tool → [`result`]. [`access`]
//! controls access over HTTP.
//!
//! All effects are behind traits. The component `oge-mcp` implements them with WASI and calls the core, which
//! is linked into it; the command `oge` implements them natively and runs each tool in its sandbox. Either way
//! all of this runs on one thread.

pub mod accept;
pub mod access;
pub mod allowed_names;
pub mod arguments;
mod card;
pub mod cors;
mod field;
pub mod http;
mod ignored;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod oge_toolbox;
pub mod progress;
pub mod readiness;
pub mod result;
pub mod results;
pub mod server;
pub mod stdio;
pub mod task_id;
pub mod tools;
pub mod trace;
mod written;
