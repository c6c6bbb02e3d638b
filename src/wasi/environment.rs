//! Settings from the WASI environment.

use alloc::string::String;

use wasip2::cli::environment::get_environment;

/// Returns a function that reads a setting's value. The environment is read once. If it has a name twice,
/// the last one counts.
pub(super) fn source() -> impl Fn(&str) -> Option<String> {
    let environment = get_environment();
    move |key| {
        let found = environment.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    }
}
