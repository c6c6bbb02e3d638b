//! This system's directories for a user's programs. The launchers of `packages/` use the same ones.

use std::env;
use std::path::PathBuf;

use anyhow::Context as _;

/// Returns the directory for settings.
pub(crate) fn configuration() -> anyhow::Result<PathBuf> {
    user_directory("XDG_CONFIG_HOME", ".config", "APPDATA")
}

/// Returns the directory for state.
pub(crate) fn state() -> anyhow::Result<PathBuf> {
    user_directory("XDG_STATE_HOME", ".local/state", "LOCALAPPDATA")
}

/// Returns the directory of a variable. Relative paths are ignored, as the specification of XDG asks.
fn user_directory(xdg: &str, below_home: &str, windows: &str) -> anyhow::Result<PathBuf> {
    let from = |key: &str| env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
    let found = if cfg!(windows) {
        from(windows)
    } else if cfg!(target_os = "macos") {
        from("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        from(xdg).or_else(|| from("HOME").map(|home| home.join(below_home)))
    };
    found.with_context(|| format!("none of {xdg}, HOME and {windows} is set to a directory"))
}
