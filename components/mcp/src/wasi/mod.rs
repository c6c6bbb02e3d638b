//! The WASI shell: the reactor, the two transports, and the effects of a call.
//!
//! [`stdio::serve`] and [`http::Service`] serve any toolbox; with the feature `exports` this is the MCP
//! server component.

mod body;
mod env;
pub mod http;
mod instance;
pub mod reactor;
pub mod stdio;
mod written;

#[cfg(feature = "exports")]
mod bindings;
#[cfg(feature = "exports")]
mod exports;

pub use env::WasiEnv;
pub use instance::runtime;
