//! Settings, from wherever this build reads them: one vocabulary, two sources.

use alloc::string::String;

#[cfg(feature = "wasi-config")]
use super::config as from;
#[cfg(not(feature = "wasi-config"))]
use super::environment as from;
use crate::error::Fault;
use crate::log::Level;
use crate::settings::Settings;

/// Answers a setting's value.
pub fn source() -> impl Fn(&str) -> Option<String> {
    from::source()
}

/// What the log shows, whatever is wrong with the other settings.
pub fn log_level() -> Level {
    source()("OGE_LOG").and_then(|level| Level::parse(level.trim())).unwrap_or(Level::Info)
}

/// Reads the settings of the tools.
///
/// # Errors
/// Names the first setting whose value is bad.
pub fn settings() -> Result<Settings, Fault> {
    Settings::read(source())
}
