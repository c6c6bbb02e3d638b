//! The token file: written whole and renamed, and locked by a file beside it.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use oge_tools::error::Fault;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

use crate::path::below;

/// How old a lock is that nobody holds any more: a login takes 35 s at most.
const STALE: Duration = Duration::from_secs(45);
/// No token file is larger.
const MOST_BYTES: u64 = 64 * 1024;

/// A file in a directory that the host opened.
#[derive(Debug)]
pub(super) struct TokenFile {
    directory: Descriptor,
    name: String,
}

/// Holds the token file; lets go when it is dropped.
#[derive(Debug)]
pub struct Lock(Option<(Descriptor, String)>);

impl TokenFile {
    /// Finds the file's directory among those that the host opened; the deepest counts.
    pub(super) fn find(path: &str) -> Result<Self, Fault> {
        let found = get_directories().into_iter().filter_map(|(directory, opened)| {
            below(&opened, path).map(|name| Self { directory, name: name.to_owned() })
        });
        found.min_by_key(|file| file.name.len()).ok_or_else(|| {
            let problem = "lies in no directory that the host opened; open one for it (wasmtime: \
                           --dir DIRECTORY)";
            Fault::Setting("OGE_TOKEN_FILE", problem.to_owned())
        })
    }

    /// The file's bytes; none where there is no file.
    pub(super) fn read(&self) -> Option<Vec<u8>> {
        let file = self.open(&self.name, OpenFlags::empty(), DescriptorFlags::READ).ok()?;
        let mut bytes = Vec::new();
        loop {
            let at = u64::try_from(bytes.len()).ok().filter(|at| *at < MOST_BYTES)?;
            let (more, at_end) = file.read(MOST_BYTES - at, at).ok()?;
            bytes.extend_from_slice(&more);
            if at_end || more.is_empty() {
                return Some(bytes);
            }
        }
    }

    /// Writes the file whole under another name, and gives it its own.
    pub(super) fn write(&self, mut bytes: &[u8]) -> Result<(), ErrorCode> {
        let name = self.beside(".new");
        let new = OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let file = self.open(&name, new, DescriptorFlags::WRITE)?;
        let mut at = 0;
        while !bytes.is_empty() {
            let written = file.write(bytes, at)?;
            at += written;
            let written = usize::try_from(written).unwrap_or(usize::MAX);
            bytes = bytes.get(written..).unwrap_or_default();
        }
        drop(file);
        self.directory.rename_at(&name, &self.directory, &self.name)
    }

    /// Takes the lock; none where another holds it. Where no lock can be made, none is needed: the
    /// file cannot be written either, which is told when it is tried.
    pub(super) fn lock(&self, wall: Duration) -> Option<Lock> {
        let name = self.beside(".lock");
        for _ in 0..2 {
            let new = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
            match self.open(&name, new, DescriptorFlags::WRITE) {
                Ok(_) => return self.here().ok().map(|directory| Lock(Some((directory, name)))),
                Err(ErrorCode::Exist) if self.is_stale(&name, wall) => self.clear(&name, wall),
                Err(ErrorCode::Exist) => return None,
                Err(_) => return Some(Lock::none()),
            }
        }
        None
    }

    /// Takes a stale lock away. Of many who find it stale one moves it; whoever finds that he moved a
    /// new one instead puts it back.
    fn clear(&self, name: &str, wall: Duration) {
        let aside = self.beside(".stale");
        if self.directory.rename_at(name, &self.directory, &aside).is_ok() {
            let moved = if self.is_stale(&aside, wall) {
                self.directory.unlink_file_at(&aside)
            } else {
                self.directory.rename_at(&aside, &self.directory, name)
            };
            // Whoever comes next tries again.
            let _ = moved;
        }
    }

    fn is_stale(&self, name: &str, wall: Duration) -> bool {
        let status = self.directory.stat_at(PathFlags::empty(), name).ok();
        let written = status.and_then(|status| status.data_modification_timestamp);
        written.is_some_and(|written| {
            let written = Duration::new(written.seconds, written.nanoseconds);
            // One from the future is as old as one from the past: a clock was set back.
            wall.abs_diff(written) > STALE
        })
    }

    fn open(
        &self,
        name: &str,
        how: OpenFlags,
        access: DescriptorFlags,
    ) -> Result<Descriptor, ErrorCode> {
        self.directory.open_at(PathFlags::empty(), name, how, access)
    }

    /// The directory once more, for a lock that outlives a borrow of this.
    fn here(&self) -> Result<Descriptor, ErrorCode> {
        self.open(
            ".",
            OpenFlags::DIRECTORY,
            DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY,
        )
    }

    fn beside(&self, ending: &str) -> String {
        [&self.name, ending].concat()
    }
}

impl Lock {
    /// The lock of a store without a file.
    pub(super) const fn none() -> Self {
        Self(None)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((directory, name)) = &self.0 {
            // Where it cannot be taken away it grows stale.
            let _ = directory.unlink_file_at(name);
        }
    }
}
