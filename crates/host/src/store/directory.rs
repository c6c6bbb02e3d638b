//! A local directory, for the token file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use oge_token::{Directory, Entry, FileError, Write};
use zeroize::Zeroizing;

/// A local directory.
#[derive(Clone, Debug)]
pub(crate) struct StateDirectory(pub(crate) Arc<PathBuf>);

impl Directory for StateDirectory {
    fn entry(&self, name: &str) -> Result<Entry, FileError> {
        match fs::symlink_metadata(self.0.join(name)) {
            Ok(known) if known.is_file() => Ok(Entry::File),
            Ok(_) => Ok(Entry::Other),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Entry::Missing),
            Err(error) => Err(problem(&error)),
        }
    }

    fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let file = File::open(self.0.join(name)).map_err(|error| problem(&error))?;
        // Full capacity from the start: a vector that grows leaves its old memory unwiped.
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut bytes).map_err(|error| problem(&error))?;
        Ok(bytes)
    }

    fn write(&self, name: &str, bytes: &[u8], how: Write) -> Result<(), FileError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(how == Write::New);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.0.join(name));
        let mut file = file.map_err(|error| problem(&error))?;
        let written = file.write_all(bytes).map_err(|error| problem(&error));
        drop(file);
        if written.is_err() && how == Write::New {
            let _ = self.remove(name);
        }
        written
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        fs::rename(self.0.join(from), self.0.join(to)).map_err(|error| problem(&error))
    }

    fn remove(&self, name: &str) -> Result<(), FileError> {
        fs::remove_file(self.0.join(name)).map_err(|error| problem(&error))
    }
}

fn problem(error: &io::Error) -> FileError {
    match error.kind() {
        ErrorKind::NotFound => FileError::Missing,
        ErrorKind::AlreadyExists => FileError::Exists,
        _ => FileError::Other(error.to_string()),
    }
}
