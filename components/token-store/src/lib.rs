//! The token store as a component, for hosts that have none.
//!
//! The store itself is in `oge-token`. This crate implements its effects with WASI: clocks, HTTP, and
//! the directory of `OGE_TOKEN_FILE`.

#![no_std]

#[cfg(target_family = "wasm")]
extern crate alloc;

pub mod path;
#[cfg(target_family = "wasm")]
pub mod wasi;
