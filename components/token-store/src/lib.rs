//! The token store as a component, for hosts that have none.
//!
//! `oge-token` is the store. This brings what it touches through WASI: clocks, HTTP, and the
//! directory of `OGE_TOKEN_FILE`.

#![no_std]

#[cfg(target_family = "wasm")]
extern crate alloc;

pub mod path;
#[cfg(target_family = "wasm")]
pub mod wasi;
