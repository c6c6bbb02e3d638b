//! The file of `--output`.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::style::NotWritten;

/// A file that gets a result whole. It is opened before the call, so that no result is lost to a bad name.
pub(crate) enum OutputFile {
    /// Replaces the file at the path when it is complete.
    Replacing(NamedTempFile, PathBuf),
    /// A device or a pipe, which is written directly.
    Device(File),
}

impl OutputFile {
    /// Opens a file for writing. A file that exists keeps its content until [`OutputFile::write`].
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let named = || format!("--output {} cannot be written", path.display());
        // Follows a symbolic link, so that its target is replaced and not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let existing = fs::metadata(&path).ok();
        if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
            return Ok(Self::Device(
                OpenOptions::new().write(true).open(&path).with_context(named)?,
            ));
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".oge-");
        let permissions = existing.map(|existing| existing.permissions()).or_else(usual);
        if let Some(permissions) = permissions {
            builder.permissions(permissions);
        }
        Ok(Self::Replacing(builder.tempfile_in(directory).with_context(named)?, path))
    }

    /// Writes a result and a line end.
    pub(crate) fn write(self, result: &str) -> anyhow::Result<()> {
        let write = |mut file: &File| {
            file.write_all(result.as_bytes())?;
            file.write_all(b"\n")
        };
        let written = match self {
            Self::Device(file) => write(&file),
            Self::Replacing(file, path) => write(file.as_file())
                .and_then(|()| file.persist(path).map(drop).map_err(|error| error.error)),
        };
        written.context(NotWritten("the file of --output"))
    }
}

/// Returns the permissions of a new file, from which the umask is subtracted.
#[cfg(unix)]
fn usual() -> Option<Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o666))
}

#[cfg(not(unix))]
fn usual() -> Option<Permissions> {
    None
}
