//! The settings that this guest can read: from the environment or from `wasi:config`.

use alloc::string::String;
use alloc::vec::Vec;

#[cfg(not(feature = "wasi-config"))]
pub(crate) fn all() -> Vec<(String, String)> {
    wasip2::cli::environment::get_environment()
}

#[cfg(not(feature = "wasi-config"))]
pub(crate) fn one(key: &str) -> Option<String> {
    all().into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

#[cfg(feature = "wasi-config")]
pub(crate) use config::{all, one};

#[cfg(feature = "wasi-config")]
mod config {
    use super::{String, Vec};

    /// The bindings of the import.
    mod bindings {
        wit_bindgen::generate!({
            path: "../../wit",
            world: "settings-from-config",
            generate_all,
        });
    }

    use bindings::wasi::config::store;

    pub(crate) fn all() -> Vec<(String, String)> {
        store::get_all().unwrap_or_default()
    }

    pub(crate) fn one(key: &str) -> Option<String> {
        store::get(key).ok().flatten()
    }
}
