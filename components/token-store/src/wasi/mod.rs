//! The WASI shell: bindings, the token file, the login.

mod bindings;
mod exports;
mod outside;
mod token_file;

#[cfg(feature = "exports")]
use oge_guest_rt as _;
