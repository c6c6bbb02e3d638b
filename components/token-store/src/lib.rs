//! A token store as a component, for hosts that have none.
//!
//! `oge-oauth` says what a login asks and what its answer means, `oge-token-cache` when to log in;
//! [`store`] acts on both, and keeps the token in its instance or, where `OGE_TOKEN_FILE` says so, in
//! a [`record`] that all instances and processes share: one login serves them all. Everything that
//! it touches stands behind one trait, so natively the rules are tested without a file or a clock.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod outside;
pub mod path;
pub mod record;
pub mod store;
#[cfg(target_family = "wasm")]
pub mod wasi;
