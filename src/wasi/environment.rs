//! Settings from the WASI environment.

use alloc::string::String;

use wasip2::cli::environment::get_environment;

use crate::error::Fault;
use crate::settings::Settings;

/// Reads the settings.
///
/// # Errors
/// Names the first setting whose value is bad.
pub fn settings() -> Result<Settings, Fault> {
    let mut environment = get_environment();
    // A variable is asked for once, so its value moves out. Where a name stands twice the last wins.
    environment.reverse();
    let environment = core::cell::RefCell::new(environment);
    Settings::read(|key| {
        let mut environment = environment.borrow_mut();
        let (_, value) = environment.iter_mut().find(|(name, _)| name == key)?;
        Some(core::mem::take::<String>(value))
    })
}
