//! Settings from the environment and from a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

/// Where the settings come from.
#[derive(Debug, Args)]
pub(crate) struct EnvFile {
    /// A file of KEY=value lines. What the environment says comes first, so that secrets can stay
    /// out of the file.
    #[arg(long, value_name = "FILE", global = true)]
    env_file: Option<PathBuf>,
}

impl EnvFile {
    /// The settings, by key.
    pub(crate) fn read(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut settings = BTreeMap::new();
        if let Some(path) = &self.env_file {
            let unreadable = || format!("--env-file {} cannot be read", path.display());
            for pair in dotenvy::from_path_iter(path).with_context(unreadable)? {
                // What dotenvy says of a bad line quotes it, and it may hold a secret.
                let (key, value) = pair.map_err(|_| {
                    anyhow::anyhow!(
                        "--env-file {} has a line that is not KEY=value",
                        path.display()
                    )
                })?;
                settings.insert(key, value);
            }
        }
        let set = |(_, value): &(String, String)| !value.trim().is_empty();
        settings.extend(std::env::vars().filter(|(key, _)| key.starts_with("OGE_")).filter(set));
        Ok(settings)
    }
}
