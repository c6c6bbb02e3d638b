//! Settings from the environment and from a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

/// Where the settings come from.
#[derive(Debug, Args)]
pub(crate) struct EnvFile {
    /// A file of KEY=value lines; a value with $, # or a blank stands in single quotes. What the
    /// environment says comes first, so that secrets can stay out of the file.
    #[arg(long, value_name = "FILE", global = true)]
    env_file: Option<PathBuf>,
}

impl EnvFile {
    /// The settings, by key.
    pub(crate) fn read(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let mut settings = BTreeMap::new();
        if let Some(path) = &self.env_file {
            let unreadable = || format!("--env-file {} cannot be read", path.display());
            let file = File::open(path).with_context(unreadable)?;
            for pair in dotenvy::from_read_iter(file) {
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
        let environment = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let ours =
            |(key, value): &(String, String)| key.starts_with("OGE_") && !value.trim().is_empty();
        settings.extend(environment.filter(ours));
        Ok(settings)
    }
}
