//! The WASI shell of every component that holds a token: settings, token file and login. With the feature
//! `exports` it is the token store component.

mod directory;
mod effects;
mod etcd;
pub mod settings;

#[cfg(feature = "exports")]
use oge_guest_rt as _;

#[cfg(feature = "exports")]
mod bindings;
#[cfg(feature = "exports")]
mod exports;
#[cfg(feature = "exports")]
mod tool_settings;

pub use directory::OpenedDirectory;
pub use effects::{LoginLocks, TokenStores, WasiEffects, from_settings};
