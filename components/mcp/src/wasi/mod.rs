//! The WASI shell: the reactor, the two transports, and the effects of a call.
//!
//! [`WasiConsole`] and [`http::Service`] serve any toolbox; with the feature `exports` this is the MCP server
//! component.

mod body;
mod console;
mod env;
pub mod http;
mod instance;
pub mod reactor;

#[cfg(feature = "exports")]
mod bindings;
#[cfg(feature = "exports")]
mod exports;

pub use console::WasiConsole;
pub use env::WasiEnv;
pub use instance::runtime;
