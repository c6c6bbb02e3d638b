//! Settings that follow their file: a corrected password is used at the next call.

use std::collections::BTreeMap;
use std::time::SystemTime;

use oge_tools::settings::FILE_PROBLEM;

use crate::env_file::EnvFile;

/// The settings as they were last read.
pub(super) struct LiveSettings {
    env_file: EnvFile,
    settings: BTreeMap<String, String>,
    stamp: Stamp,
    version: u32,
}

/// The file's size and the time of its last change. `None` if there is no file.
type Stamp = Option<(u64, Option<SystemTime>)>;

impl LiveSettings {
    /// Reads the settings. A bad file fails each call until it is corrected.
    pub(super) fn start(env_file: EnvFile) -> Self {
        let stamp = stamp(&env_file);
        Self { settings: read(&env_file), env_file, stamp, version: 0 }
    }

    /// Reads the settings again if the file has changed. Returns whether it has.
    pub(super) fn reload(&mut self) -> bool {
        // Before the file is read: what is written meanwhile is read the next time.
        let now = stamp(&self.env_file);
        let has_changed = now != self.stamp;
        if has_changed {
            self.settings = read(&self.env_file);
            self.stamp = now;
            self.version += 1;
        }
        has_changed
    }

    /// Returns how many times the settings were read again.
    pub(super) const fn version(&self) -> u32 {
        self.version
    }

    /// Returns why the file cannot be used, if it cannot.
    pub(super) fn problem(&self) -> Option<&str> {
        self.settings.get(FILE_PROBLEM).map(String::as_str)
    }

    /// Returns a function that returns a setting's value.
    pub(super) fn source(&self) -> impl Fn(&str) -> Option<String> {
        |key| self.settings.get(key).cloned()
    }

    /// Returns the settings by key.
    pub(super) const fn all(&self) -> &BTreeMap<String, String> {
        &self.settings
    }
}

fn read(env_file: &EnvFile) -> BTreeMap<String, String> {
    env_file
        .read()
        .unwrap_or_else(|error| BTreeMap::from([(FILE_PROBLEM.to_owned(), format!("{error:#}"))]))
}

fn stamp(env_file: &EnvFile) -> Stamp {
    let (_, path) = env_file.path()?;
    let found = std::fs::metadata(path).ok()?;
    Some((found.len(), found.modified().ok()))
}
