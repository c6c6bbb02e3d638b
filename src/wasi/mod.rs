//! The WASI shell: the only code that touches bindings. Each file converts one thing, in pairs named
//! by direction, and decides nothing.
//!
//! [`http`], [`clock`], [`settings`] and [`stderr`] serve every component of this house; each brings
//! its own way to wait ([`wait::Wait`]). The rest is the tools component.

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
