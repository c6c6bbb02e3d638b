//! The WASI shell: the directory of the token file and the login, for every component that keeps a token; with the
//! feature `exports` it is the token store component.

mod directory;
mod outside;
pub mod settings;

#[cfg(feature = "exports")]
use oge_guest_rt as _;

#[cfg(feature = "exports")]
mod bindings;
#[cfg(feature = "exports")]
mod exports;
#[cfg(feature = "exports")]
mod visible;

pub use directory::Opened;
pub use outside::{Stores, Turns, Wasi, from_settings};
