//! The token file. It is written to a new file and renamed, and locked by a lock file next to it.
//!
//! The lock file is created exclusively. Its holder rewrites it every [`LOCK_BEAT`], each time with other
//! content. A waiter that sees the same content for [`LOCK_STALE`] writes its own name into it, so no two
//! clocks are compared. A holder that was suspended finds the other name and does not touch the files.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use core::time::Duration;

use zeroize::Zeroizing;

use crate::record::Record;
use crate::timing::LOCK_STALE;

#[cfg(doc)]
use crate::timing::LOCK_BEAT;

/// The largest token file.
const MAX_FILE_BYTES: usize = 64 * 1024;
/// The largest lock file.
const MAX_LOCK_BYTES: usize = 128;

/// Why a file could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// There is no such file.
    Missing,
    /// The file exists already.
    Exists,
    /// Any other error, with the system's message.
    Other(String),
}

/// The kind of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// There is no entry of this name.
    Missing,
    /// A regular file.
    File,
    /// A directory, a pipe, a device or a link.
    Other,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Creates the file, which must not exist. If the write fails, the file is removed again.
    New,
    /// Overwrites the file, which must exist and has the same length.
    Existing,
}

/// A directory on a disk. Clones share it. No method keeps a file open.
pub trait Directory: Clone {
    /// Returns the kind of `name`. Does not follow links.
    ///
    /// # Errors
    /// Fails if the directory cannot be read.
    fn entry(&self, name: &str) -> Result<Entry, FileError>;
    /// Reads at most `limit` bytes of a regular file.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError>;
    /// Writes a file. Only its owner can read it, if the system supports that.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    fn write(&self, name: &str, bytes: &[u8], how: Write) -> Result<(), FileError>;
    /// Renames a file and replaces any file of the new name.
    ///
    /// # Errors
    /// Fails if the file cannot be renamed.
    fn rename(&self, from: &str, to: &str) -> Result<(), FileError>;
    /// Removes a file.
    ///
    /// # Errors
    /// Fails if the file cannot be removed.
    fn remove(&self, name: &str) -> Result<(), FileError>;
}

/// A directory that keeps more than the token: files in a folder of it, which may be large.
pub trait Folders: Directory {
    /// Creates a folder that only its owner can enter, if the system supports that. Does nothing if it exists.
    ///
    /// # Errors
    /// Fails if the folder cannot be created.
    fn make_folder(&self, name: &str) -> Result<(), FileError>;
    /// Returns the names in a folder.
    ///
    /// # Errors
    /// Fails if the folder cannot be read.
    fn names(&self, folder: &str) -> Result<Vec<String>, FileError>;
    /// Reads at most `limit` bytes of a regular file, from `start`.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    fn read_at(
        &self,
        name: &str,
        start: u64,
        limit: usize,
    ) -> Result<Zeroizing<Vec<u8>>, FileError>;
}

/// The token file of one account.
#[derive(Clone, Debug)]
pub struct TokenFile<D> {
    directory: D,
    account: String,
    name: String,
    lock: String,
    new: String,
}

/// The result of trying to take the lock.
#[derive(Debug)]
pub enum Locking<D: Directory> {
    /// The lock was taken. Dropping it releases it.
    Held(Lock<D>),
    /// Another process holds the lock. Has the content of the lock file.
    Busy(Vec<u8>),
    /// The lock file cannot be created or read, so the token file cannot be written. Has the reason.
    Impossible(String),
}

/// The lock of the token file. Dropping it removes the lock file.
#[derive(Debug)]
pub struct Lock<D: Directory> {
    directory: D,
    name: String,
    holder: u128,
    beats: AtomicU32,
    /// In microseconds.
    beat_at: AtomicU64,
    is_lost: AtomicBool,
}

impl<D: Directory> TokenFile<D> {
    /// Returns the file of `account` in `directory`. The account is appended to `name`, so that two accounts
    /// never share a file or a lock.
    #[must_use]
    pub fn new(directory: D, name: &str, account: &str) -> Self {
        let name = format!("{name}-{account}");
        let (lock, new) = (format!("{name}.lock"), format!("{name}.new"));
        Self { directory, account: account.into(), name, lock, new }
    }

    /// Reads the file. `None` if it is missing or empty.
    ///
    /// # Errors
    /// The error is the end of a sentence about the file. If only its token is bad, the error has the rest of
    /// the record.
    pub(crate) fn load(
        &self,
        now: Duration,
    ) -> Result<Option<Record>, (String, Option<Box<Record>>)> {
        let unreadable =
            |problem: FileError| (format!("cannot be read ({})", problem.as_str()), None);
        match self.directory.entry(&self.name) {
            Ok(Entry::Missing) => return Ok(None),
            Ok(Entry::Other) => return Err(("is no regular file".into(), None)),
            Ok(Entry::File) => {}
            Err(problem) => return Err(unreadable(problem)),
        }
        let bytes = match self.directory.read(&self.name, MAX_FILE_BYTES + 1) {
            Ok(bytes) if bytes.is_empty() => return Ok(None),
            Ok(bytes) => bytes,
            Err(FileError::Missing) => return Ok(None),
            Err(problem) => return Err(unreadable(problem)),
        };
        if bytes.len() > MAX_FILE_BYTES {
            return Err(("is larger than 64 KiB".into(), None));
        }
        let read = Record::read(&bytes, &self.account, now);
        read.map(Some).map_err(|(problem, rest)| (problem.into(), rest))
    }

    /// Writes the file. Does nothing if `lock` is not held any more.
    ///
    /// # Errors
    /// The error is the end of a sentence about the file.
    pub(crate) fn save(
        &self,
        record: &Record,
        lock: &Lock<D>,
        now: Duration,
    ) -> Result<(), String> {
        if !lock.is_held(now) {
            return Ok(());
        }
        let failed = |problem: FileError| format!("cannot be written ({})", problem.as_str());
        // A process that was killed may have left this file.
        if self.directory.entry(&self.new) == Ok(Entry::File) {
            self.directory.remove(&self.new).map_err(failed)?;
        }
        self.directory
            .write(&self.new, &record.to_bytes(&self.account), Write::New)
            .map_err(failed)?;
        self.directory.rename(&self.new, &self.name).map_err(|problem| {
            // The file has the token, so it must not stay.
            let _ = self.directory.remove(&self.new);
            failed(problem)
        })
    }

    /// Takes the lock if it is free. The time of taking it identifies the holder.
    pub(crate) fn lock(&self, now: Duration) -> Locking<D> {
        let lock = self.lock_of(now);
        match self.directory.write(&self.lock, &lock.content(), Write::New) {
            Ok(()) => return Locking::Held(lock),
            Err(FileError::Exists) => {}
            Err(problem) => {
                lock.is_lost.store(true, Relaxed);
                // Some systems return another error if the name is that of a directory.
                if self.directory.entry(&self.lock) != Ok(Entry::File) {
                    return self.impossible(problem.as_str());
                }
            }
        }
        lock.is_lost.store(true, Relaxed);
        match self.directory.entry(&self.lock) {
            Ok(Entry::Other) => self.impossible("is no regular file"),
            Ok(Entry::Missing) => Locking::Busy(Vec::new()),
            Err(problem) => self.impossible(problem.as_str()),
            Ok(Entry::File) => match self.directory.read(&self.lock, MAX_LOCK_BYTES) {
                Ok(content) => Locking::Busy(content.to_vec()),
                Err(FileError::Missing) => Locking::Busy(Vec::new()),
                Err(problem) => self.impossible(problem.as_str()),
            },
        }
    }

    fn impossible(&self, problem: &str) -> Locking<D> {
        Locking::Impossible(format!("cannot be locked ({}: {problem})", self.lock))
    }

    /// Takes over a stale lock with this content. `None` if the content has changed. If several processes
    /// take it over, the last one that writes holds it, so check [`Lock::is_held_now`] after a while.
    pub(crate) fn take_over(&self, content: &[u8], now: Duration) -> Option<Lock<D>> {
        let lock = self.lock_of(now);
        lock.is_lost.store(true, Relaxed);
        let found = self.directory.read(&self.lock, MAX_LOCK_BYTES).ok()?;
        if *found != content {
            return None;
        }
        self.directory.write(&self.lock, &lock.content(), Write::Existing).ok()?;
        lock.is_lost.store(false, Relaxed);
        Some(lock)
    }

    fn lock_of(&self, now: Duration) -> Lock<D> {
        Lock {
            directory: self.directory.clone(),
            name: self.lock.clone(),
            holder: now.as_nanos(),
            beats: AtomicU32::new(0),
            beat_at: AtomicU64::new(micros(now)),
            is_lost: AtomicBool::new(false),
        }
    }

    pub(crate) fn lock_name(&self) -> &str {
        &self.lock
    }
}

impl<D: Directory> Lock<D> {
    /// Rewrites the lock file, to show that the holder is alive.
    pub fn beat(&self, now: Duration) {
        if self.is_held(now) {
            self.beats.fetch_add(1, Relaxed);
            if self.directory.write(&self.name, &self.content(), Write::Existing).is_ok() {
                self.beat_at.store(micros(now), Relaxed);
            }
        }
    }

    /// Returns whether this is still the holder. A lock that has just changed is never taken over, so the file
    /// is read only if the last beat is older than [`LOCK_STALE`].
    pub(crate) fn is_held(&self, now: Duration) -> bool {
        if self.is_lost.load(Relaxed) {
            return false;
        }
        micros(now).saturating_sub(self.beat_at.load(Relaxed)) < micros(LOCK_STALE)
            || self.is_held_now()
    }

    /// Reads the lock file and returns whether it names this holder.
    pub(crate) fn is_held_now(&self) -> bool {
        let is_ours = self.looks_ours();
        if is_ours == Some(false) {
            self.is_lost.store(true, Relaxed);
        }
        is_ours == Some(true)
    }

    /// Returns whether the lock file names this holder. `None` if it cannot be read, for example with too many
    /// open files.
    fn looks_ours(&self) -> Option<bool> {
        match self.directory.read(&self.name, MAX_LOCK_BYTES) {
            Ok(content) => Some(content.starts_with(self.holder().as_bytes())),
            Err(FileError::Missing) => Some(false),
            Err(_) => None,
        }
    }

    fn holder(&self) -> String {
        format!("{:032x} ", self.holder)
    }

    fn content(&self) -> Vec<u8> {
        format!("{}{:08x}\n", self.holder(), self.beats.load(Relaxed)).into_bytes()
    }
}

impl<D: Directory> Drop for Lock<D> {
    fn drop(&mut self) {
        if !self.is_lost.load(Relaxed) && self.looks_ours() != Some(false) {
            // If it cannot be removed, it becomes stale.
            let _ = self.directory.remove(&self.name);
        }
    }
}

impl FileError {
    /// Returns the problem as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Missing => "no such file or directory",
            Self::Exists => "it exists",
            Self::Other(why) => why,
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
