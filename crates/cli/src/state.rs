//! The file in which `oge` keeps its token and the state of its logins, so that successive calls share a login.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use oge_host::HostBuilder;

use crate::directories;
use crate::log::print_line;

const NAME: &str = "token";

/// Sets the host's token file: the one of `OGE_TOKEN_FILE`, or one in the user's state directory. If its
/// directory cannot be created, prints a warning, and the token is kept in memory. `OGE_TOKEN_ETCD` replaces a file.
pub(crate) fn kept(builder: HostBuilder, settings: &BTreeMap<String, String>) -> HostBuilder {
    let set =
        |key: &str| settings.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
    if set("OGE_TOKEN_ETCD").is_some() {
        return builder;
    }
    let path = match set("OGE_TOKEN_FILE") {
        Some(path) => Ok(PathBuf::from(path)),
        None => directories::state().map(|directory| directory.join("oge").join(NAME)),
    };
    let made = path.and_then(|path| {
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

/// Creates a directory that only its owner can enter.
fn make(directory: &Path) -> anyhow::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).with_context(|| format!("{} cannot be created", directory.display()))
}
