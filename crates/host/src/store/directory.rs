//! A local directory, for the token file and for large results.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oge_token::{Directory, Entry, FileError, Folders, Write};
use zeroize::Zeroizing;

/// A local directory.
#[derive(Clone, Debug)]
pub struct StateDirectory(Arc<PathBuf>);

impl StateDirectory {
    /// Returns the directory of the token file at `path`.
    #[must_use]
    pub fn of_token_file(path: &Path) -> Self {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Self(Arc::new(directory.unwrap_or_else(|| Path::new(".")).to_owned()))
    }
}

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
        self.read_at(name, 0, limit)
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

impl Folders for StateDirectory {
    fn make_folder(&self, name: &str) -> Result<(), FileError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(self.0.join(name)).map_err(|error| problem(&error))
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let entries = fs::read_dir(self.0.join(folder)).map_err(|error| problem(&error))?;
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| entry.map(name).map_err(|error| problem(&error))).collect()
    }

    fn read_at(
        &self,
        name: &str,
        start: u64,
        limit: usize,
    ) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let mut file = File::open(self.0.join(name)).map_err(|error| problem(&error))?;
        file.seek(SeekFrom::Start(start)).map_err(|error| problem(&error))?;
        // Full capacity from the start: a vector that grows leaves its old memory unwiped.
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut bytes).map_err(|error| problem(&error))?;
        Ok(bytes)
    }
}

fn problem(error: &io::Error) -> FileError {
    match error.kind() {
        ErrorKind::NotFound => FileError::Missing,
        ErrorKind::AlreadyExists => FileError::Exists,
        _ => FileError::Other(error.to_string()),
    }
}
