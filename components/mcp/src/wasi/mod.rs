//! The WASI shell: the reactor, the two transports, and the effects of a call.
//!
//! [`stdio::serve`] and [`http::Service`] serve any toolbox; with the feature `exports` this is the MCP
//! server component.

mod body;
pub mod http;
mod instance;
mod outside;
pub mod reactor;
pub mod stdio;
mod written;

#[cfg(feature = "exports")]
mod bindings;
#[cfg(feature = "exports")]
mod exports;

pub use instance::runtime;
pub use outside::Wasi;
