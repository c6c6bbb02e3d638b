//! Settings from the WASI environment.

use alloc::string::String;

use wasip2::cli::environment::get_environment;

/// Answers a setting's value. The environment is asked once; where a name stands twice the last one
/// counts.
pub(super) fn source() -> impl Fn(&str) -> Option<String> {
    let environment = get_environment();
    move |key| {
        let found = environment.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    }
}
