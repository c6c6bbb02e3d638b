//! The WASI shell: the only code that uses bindings. It converts values and decides nothing.
//!
//! Every component of this workspace uses [`http`], [`clock`], [`settings`] and [`stderr`], with its own
//! implementation of [`wait::Wait`]. The rest belongs to the tools component.

pub mod clock;
#[cfg(feature = "wasi-config")]
mod config;
#[cfg(not(feature = "wasi-config"))]
mod environment;
pub mod http;
pub mod settings;
pub mod stderr;
pub mod wait;

#[cfg(feature = "exports")]
use oge_guest_rt as _;

#[cfg(feature = "exports")]
mod bindings;
#[cfg(feature = "exports")]
mod exports;
#[cfg(feature = "exports")]
mod token_store;
