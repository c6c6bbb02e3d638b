//! Settings from the environment and from a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use oge_tools::settings::FILE_PROBLEM;
use oge_tools::settings_file::{MAX_BYTES, SettingsFile, TOO_LARGE};

use crate::{COMMON, directories, file};

/// The option that names a settings file.
#[derive(Debug, Args)]
pub(crate) struct EnvFile {
    /// A settings file [default: $OGE_SETTINGS_FILE, else oge/site.env in your configuration directory];
    /// the environment comes first
    #[arg(long, value_name = "FILE", global = true, help_heading = COMMON)]
    env_file: Option<PathBuf>,
}

/// The settings and where each comes from.
pub(crate) struct SettingsSources {
    /// The settings, by key. The environment overrides the file.
    pub(crate) settings: BTreeMap<String, String>,
    /// The settings file and its path.
    pub(crate) file: Option<(PathBuf, SettingsFile)>,
    /// The keys whose value is the environment's.
    from_environment: BTreeSet<String>,
}

impl SettingsSources {
    /// Describes where the value of a key comes from, without the value.
    pub(crate) fn source(&self, key: &str) -> String {
        let line = self
            .file
            .as_ref()
            .and_then(|(path, file)| Some(format!("{} line {}", path.display(), file.line(key)?)));
        match (self.from_environment.contains(key), line) {
            (true, Some(line)) => format!("environment, which comes before {line}"),
            (true, None) => "environment".to_owned(),
            (false, line) => line.unwrap_or_else(|| "not set".to_owned()),
        }
    }
}

impl EnvFile {
    /// Reads the settings, by key. The environment overrides the file.
    pub(crate) fn read(&self) -> anyhow::Result<BTreeMap<String, String>> {
        Ok(self.sources()?.settings)
    }

    /// Reads the settings and where each comes from.
    pub(crate) fn sources(&self) -> anyhow::Result<SettingsSources> {
        let file = self.file()?;
        let in_file = file.iter().flat_map(|(_, file)| file.iter());
        let mut settings: BTreeMap<_, _> =
            in_file.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        // Set by components only, never by a user.
        settings.remove(FILE_PROBLEM);
        let mut from_environment = BTreeSet::new();
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
                from_environment.insert(key.clone());
                settings.insert(key, value);
            }
        }
        Ok(SettingsSources { settings, file, from_environment })
    }

    /// Reads the settings file, if there is one.
    fn file(&self) -> anyhow::Result<Option<(PathBuf, SettingsFile)>> {
        let Some((name, path)) = self.path() else { return Ok(None) };
        let file = read(&path).with_context(|| format!("{name} {}", path.display()))?;
        Ok(Some((path, file)))
    }

    /// Returns the path of the settings file, and the name of what gives it: the option, else
    /// `OGE_SETTINGS_FILE`, else the user's configuration directory if the file is there.
    pub(crate) fn path(&self) -> Option<(&'static str, PathBuf)> {
        let named = || {
            let path = std::env::var_os("OGE_SETTINGS_FILE")?;
            (!path.to_string_lossy().trim().is_empty()).then(|| ("OGE_SETTINGS_FILE", path.into()))
        };
        let usual = || {
            let path = directories::configuration().ok()?.join("oge/site.env");
            path.exists().then_some(("the settings file", path))
        };
        let given = self.env_file.clone().map(|path| ("--env-file", path));
        given.or_else(named).or_else(usual)
    }
}

fn read(path: &Path) -> anyhow::Result<SettingsFile> {
    let bytes = file::read(path, MAX_BYTES, &format!("it {TOO_LARGE}"))?;
    SettingsFile::parse(&bytes).map_err(|bad| anyhow::anyhow!("{bad}"))
}

/// Returns whether a setting has a value. An empty one counts as not set.
pub(crate) fn is_set(settings: &BTreeMap<String, String>, key: &str) -> bool {
    settings.get(key).is_some_and(|value| !value.trim().is_empty())
}
