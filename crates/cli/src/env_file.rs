//! Settings from the environment and from a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use oge_tools::settings::FILE_PROBLEM;
use oge_tools::settings_file::{MAX_BYTES, SettingsFile, TOO_LARGE};

/// The option that names a settings file.
#[derive(Debug, Args)]
pub(crate) struct EnvFile {
    /// A file of KEY=VALUE lines (docs/settings.md) [default: the one that OGE_SETTINGS_FILE names]. The
    /// environment comes first, so that secrets can stay out of the file.
    #[arg(long, value_name = "FILE", global = true)]
    env_file: Option<PathBuf>,
}

impl EnvFile {
    /// Reads the settings, by key. The environment overrides the file.
    pub(crate) fn read(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut settings = self.file()?;
        // Set by components only, never by a user.
        settings.remove(FILE_PROBLEM);
        for (key, value) in std::env::vars_os() {
            let Ok(key) = key.into_string() else { continue };
            if !key.starts_with("OGE_") {
                continue;
            }
            let Ok(value) = value.into_string() else {
                bail!(
                    "the environment variable {key} is not UTF-8 (perhaps GBK); set it in UTF-8, or put \
                     it into a settings file"
                );
            };
            if !value.trim().is_empty() && key != FILE_PROBLEM {
                settings.insert(key, value);
            }
        }
        Ok(settings)
    }

    /// Reads the settings of the file only.
    pub(crate) fn file(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let Some((name, path)) = self.path() else { return Ok(BTreeMap::new()) };
        let file = read(&path).with_context(|| format!("{name} {}", path.display()))?;
        Ok(file.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// Returns the path of the settings file, and the name of what gives it.
    pub(crate) fn path(&self) -> Option<(&'static str, PathBuf)> {
        let named = || {
            let path = std::env::var_os("OGE_SETTINGS_FILE")?;
            (!path.is_empty()).then(|| ("OGE_SETTINGS_FILE", path.into()))
        };
        let given = self.env_file.clone().map(|path| ("--env-file", path));
        given.or_else(named)
    }
}

fn read(path: &Path) -> anyhow::Result<SettingsFile> {
    let unreadable = "it cannot be read";
    // Checked before opening, because opening a FIFO waits for its writer.
    ensure!(std::fs::metadata(path).context(unreadable)?.is_file(), "it is no regular file");
    let file = File::open(path).context(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).context(unreadable)?;
    ensure!(bytes.len() <= MAX_BYTES, "it {TOO_LARGE}");
    SettingsFile::parse(&bytes).map_err(|bad| anyhow::anyhow!("{bad}"))
}
