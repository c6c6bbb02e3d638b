//! Files of packages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use crate::VERSION;

/// Copies a file and makes its directory.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let directory = to.parent().context("no directory")?;
    fs::create_dir_all(directory)?;
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Copies the files of a directory that `is_wanted` names, and those of its directories.
pub(crate) fn copy_all(
    from: &Path,
    to: &Path,
    is_wanted: &impl Fn(&Path) -> bool,
) -> anyhow::Result<()> {
    for path in all(from)? {
        if is_wanted(&path) {
            copy(&path, &to.join(path.strip_prefix(from)?))?;
        }
    }
    Ok(())
}

/// All files below a directory, sorted.
pub(crate) fn all(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory)
            .with_context(|| format!("{} cannot be read", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

/// Writes the version in place of the template's 0.0.0, which must be there once.
pub(crate) fn set_version(file: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(file)?;
    ensure!(text.matches("\"0.0.0\"").count() == 1, "{} has no one 0.0.0", file.display());
    fs::write(file, text.replace("\"0.0.0\"", &format!("\"{VERSION}\"")))?;
    Ok(())
}

/// Lets everybody execute a file, on systems that have such a mode.
pub(crate) fn make_executable(file: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// Gives all files and directories one time, for archives that keep it.
pub(crate) fn set_times(directory: &Path, epoch: &str) -> anyhow::Result<()> {
    let time = UNIX_EPOCH + Duration::from_secs(epoch.parse()?);
    for path in all(directory)? {
        let inside = path.ancestors().take_while(|ancestor| *ancestor != directory);
        for path in inside {
            fs::File::open(path)?.set_modified(time)?;
        }
    }
    Ok(())
}

/// Writes `SHA256SUMS`, as `sha256sum --check` reads it.
pub(crate) fn write_sums(directory: &Path) -> anyhow::Result<()> {
    let mut sums = String::new();
    for path in all(directory)? {
        let bytes = fs::read(&path)?;
        let name = path.strip_prefix(directory)?.display().to_string();
        writeln!(sums, "{}  {name}", sha256(&bytes))?;
    }
    fs::write(directory.join("SHA256SUMS"), sums)?;
    Ok(())
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
