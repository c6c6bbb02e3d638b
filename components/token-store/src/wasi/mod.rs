//! The WASI shell: the token file and the login, for every component that keeps a token; with the
//! feature `exports` it is the token store component.

mod outside;
pub mod settings;
mod token_file;

#[cfg(feature = "exports")]
use oge_guest_rt as _;

#[cfg(feature = "exports")]
mod bindings;
#[cfg(feature = "exports")]
mod exports;
#[cfg(feature = "exports")]
mod visible;

pub use outside::{Turns, Wasi, from_settings};
pub use token_file::Lock;
