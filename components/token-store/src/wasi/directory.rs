//! The directory of the token file, which the host has opened.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use oge_token::{Directory, Entry, FileError, Folders, Write};
use oge_tools::error::Fault;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use zeroize::Zeroizing;

use crate::path::below;

/// A directory that the host opened. Clones share the descriptor, because Node's host cannot open a directory
/// in which files may be created (`MUTATE_DIRECTORY`).
#[derive(Clone, Debug)]
pub struct OpenedDirectory(Arc<Descriptor>);

impl OpenedDirectory {
    /// Returns the deepest directory that contains the file `path`, and the path in that directory.
    ///
    /// # Errors
    /// Fails if the host opened no directory that contains it.
    pub fn find(path: &str) -> Result<(Self, String), Fault> {
        let found = get_directories().into_iter().filter_map(|(directory, opened)| {
            below(&opened, path).map(|name| (Self(Arc::new(directory)), name.to_owned()))
        });
        found.min_by_key(|(_, name)| name.len()).ok_or_else(|| {
            let problem = "lies in no directory that the host opened; open one for it (wasmtime: \
                           --dir DIRECTORY)";
            Fault::Setting("OGE_TOKEN_FILE", problem.to_owned())
        })
    }

    fn open(
        &self,
        name: &str,
        how: OpenFlags,
        access: DescriptorFlags,
    ) -> Result<Descriptor, FileError> {
        self.0.open_at(PathFlags::empty(), name, how, access).map_err(problem)
    }
}

impl Directory for OpenedDirectory {
    fn entry(&self, name: &str) -> Result<Entry, FileError> {
        match self.0.stat_at(PathFlags::empty(), name) {
            Ok(status) if status.type_ == DescriptorType::RegularFile => Ok(Entry::File),
            Ok(_) => Ok(Entry::Other),
            Err(ErrorCode::NoEntry) => Ok(Entry::Missing),
            Err(code) => Err(problem(code)),
        }
    }

    fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        self.read_at(name, 0, limit)
    }

    fn write(&self, name: &str, bytes: &[u8], how: Write) -> Result<(), FileError> {
        let flags = match how {
            Write::New => OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
            Write::Existing => OpenFlags::empty(),
        };
        let file = self.open(name, flags, DescriptorFlags::WRITE)?;
        let written = write_whole(&file, bytes);
        drop(file);
        if written.is_err() && how == Write::New {
            let _ = self.remove(name);
        }
        written
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        self.0.rename_at(from, &self.0, to).map_err(problem)
    }

    fn remove(&self, name: &str) -> Result<(), FileError> {
        self.0.unlink_file_at(name).map_err(problem)
    }
}

impl Folders for OpenedDirectory {
    fn make_folder(&self, name: &str) -> Result<(), FileError> {
        match self.0.create_directory_at(name) {
            Ok(()) | Err(ErrorCode::Exist) => Ok(()),
            Err(code) => Err(problem(code)),
        }
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let folder = self.open(folder, OpenFlags::DIRECTORY, DescriptorFlags::READ)?;
        let entries = folder.read_directory().map_err(problem)?;
        let mut names = Vec::new();
        while let Some(entry) = entries.read_directory_entry().map_err(problem)? {
            names.push(entry.name);
        }
        Ok(names)
    }

    fn read_at(
        &self,
        name: &str,
        start: u64,
        limit: usize,
    ) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let file = self.open(name, OpenFlags::empty(), DescriptorFlags::READ)?;
        let mut bytes = Zeroizing::new(Vec::new());
        while bytes.len() < limit {
            let (at, left) = (start + bytes.len() as u64, (limit - bytes.len()) as u64);
            let (more, at_end) = file.read(left, at).map_err(problem)?;
            let more = Zeroizing::new(more);
            bytes.extend_from_slice(&more);
            if at_end || more.is_empty() {
                break;
            }
        }
        Ok(bytes)
    }
}

fn write_whole(file: &Descriptor, mut bytes: &[u8]) -> Result<(), FileError> {
    let mut at = 0;
    while !bytes.is_empty() {
        let written = file.write(bytes, at).map_err(problem)?;
        if written == 0 {
            return Err(FileError::Other("the file cannot be written completely".to_owned()));
        }
        at += written;
        let written = usize::try_from(written).unwrap_or(usize::MAX);
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

fn problem(code: ErrorCode) -> FileError {
    match code {
        ErrorCode::NoEntry => FileError::Missing,
        ErrorCode::Exist => FileError::Exists,
        code => FileError::Other(code.name().to_owned()),
    }
}
