//! Settings from `wasi:config`, for hosts that give them in no other way.

use alloc::string::String;

pub(crate) use self::bindings::wasi::config::store;

/// What `wit-bindgen` makes of the one interface that the `wasip2` crate has not.
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "settings-from-config", generate_all });
}

/// Answers a setting's value; none where the host cannot tell it.
pub(super) fn source() -> impl Fn(&str) -> Option<String> {
    |key| store::get(key).ok().flatten()
}
