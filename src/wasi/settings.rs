//! Settings, from the environment or from `wasi:config`, depending on the features of the build.

use alloc::string::String;

#[cfg(feature = "wasi-config")]
use super::config as from;
#[cfg(not(feature = "wasi-config"))]
use super::environment as from;
use super::stderr;
use crate::error::Fault;
use crate::log::{Event, Level};
use crate::settings::Settings;

/// Returns a function that reads a setting's value.
pub fn source() -> impl Fn(&str) -> Option<String> {
    from::source()
}

/// Reads the log level alone, so that a problem with another setting can be logged.
pub fn log_level(get: impl Fn(&str) -> Option<String>) -> Level {
    get("OGE_LOG").and_then(|level| Level::parse(level.trim())).unwrap_or(Level::Info)
}

/// Warns if the settings name certificates, which a component cannot use.
pub fn warn_of_ca_file(get: impl Fn(&str) -> Option<String>) {
    if get("OGE_CA_FILE").is_some_and(|path| !path.trim().is_empty()) {
        let what = "OGE_CA_FILE has no effect here: the host of this component decides which certificates to \
                    trust; docs/settings.md (Certificates) says how each host is given more";
        stderr::write(log_level(get), "settings", Event::Warning(what));
    }
}

/// Reads the settings of the tools.
///
/// # Errors
/// The error names the first setting whose value is bad.
pub fn settings() -> Result<Settings, Fault> {
    Settings::read(source())
}
