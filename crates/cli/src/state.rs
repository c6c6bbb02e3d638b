//! The file in which `oge` keeps its token and the state of its logins, so that successive calls share a login.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use oge_host::HostBuilder;

use crate::directories;
use crate::env_file::is_set;
use crate::log::print_line;

const NAME: &str = "token";

/// Sets the host's token file: the one of `OGE_TOKEN_FILE`, or one in the user's state directory. If its
/// directory cannot be created, prints a warning, and the token is kept in memory. `OGE_TOKEN_ETCD` replaces a file.
pub(crate) fn kept(builder: HostBuilder, settings: &BTreeMap<String, String>) -> HostBuilder {
    if is_set(settings, "OGE_TOKEN_ETCD") {
        return builder;
    }
    let made = token_file(settings).and_then(|path| {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        directory.map_or(Ok(()), make)?;
        Ok(path)
    });
    match made {
        Ok(path) => builder.token_file(path),
        Err(error) => {
            print_line(&format!(
                "oge: the token is kept in memory, so each command logs in again: {error:#}; set \
                 OGE_TOKEN_FILE to a file in a directory of yours"
            ));
            builder
        }
    }
}

/// Returns the token file of the settings. Its directory is the state directory.
pub(crate) fn token_file(settings: &BTreeMap<String, String>) -> anyhow::Result<PathBuf> {
    let set =
        settings.get("OGE_TOKEN_FILE").map(|path| path.trim()).filter(|path| !path.is_empty());
    match set {
        Some(path) => Ok(PathBuf::from(path)),
        None => directories::state().map(|directory| directory.join("oge").join(NAME)),
    }
}

/// Creates a directory that only its owner can enter.
fn make(directory: &Path) -> anyhow::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).with_context(|| format!("{} cannot be created", directory.display()))
}
