//! Settings, from the environment or from `wasi:config`, depending on the features of the build.

use alloc::string::String;

#[cfg(feature = "wasi-config")]
use super::config as from;
#[cfg(not(feature = "wasi-config"))]
use super::environment as from;
use super::stderr;
use crate::error::Fault;
use crate::log::{Event, Log};
use crate::settings::Settings;

/// Returns a function that reads a setting's value.
pub fn source() -> impl Fn(&str) -> Option<String> {
    from::source()
}

/// Warns if the settings name certificates, which a component cannot use.
pub fn warn_of_ca_file(get: impl Fn(&str) -> Option<String>) {
    if get("OGE_CA_FILE").is_some_and(|path| !path.trim().is_empty()) {
        let what = "OGE_CA_FILE has no effect here: the host of this component decides which certificates to \
                    trust; docs/settings.md (Certificates) says how each host is given more";
        stderr::write(Log::read(get), "settings", Event::Warning(what), None);
    }
}

/// Reads the settings of the tools.
///
/// # Errors
/// The error names the first setting whose value is bad.
pub fn settings() -> Result<Settings, Fault> {
    Settings::read(source())
}
