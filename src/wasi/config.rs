//! Settings from `wasi:config`, for hosts without environment variables.

use alloc::string::String;

pub(crate) use self::bindings::wasi::config::store;

/// Bindings of the one interface that the `wasip2` crate lacks.
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "settings-from-config", generate_all });
}

/// Returns a function that reads a setting's value, or `None` if it is unset or the host fails.
pub(super) fn source() -> impl Fn(&str) -> Option<String> {
    |key| store::get(key).ok().flatten()
}
