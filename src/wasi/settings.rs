//! Settings, from wherever this build reads them: one vocabulary, two sources.

use alloc::string::String;

#[cfg(feature = "wasi-config")]
use super::config as from;
#[cfg(not(feature = "wasi-config"))]
use super::environment as from;
use crate::error::Fault;
use crate::settings::Settings;

/// Answers a setting's value.
pub fn source() -> impl Fn(&str) -> Option<String> {
    from::source()
}

/// Reads the settings of the tools.
///
/// # Errors
/// Names the first setting whose value is bad.
pub fn settings() -> Result<Settings, Fault> {
    Settings::read(source())
}
