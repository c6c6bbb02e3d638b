//! The token file: written whole and renamed, and locked by a file beside it.
//!
//! The lock file is made by exclusive create. Its holder rewrites it every [`LOCK_BEAT`], each time with other
//! content. A waiter that sees the same content for [`LOCK_STALE`] writes its own name into it; no two clocks
//! are compared for that. So a holder that is stopped for a while finds another's name there, and leaves
//! lock and file alone.

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

/// No token file is larger.
const MAX_FILE_BYTES: usize = 64 * 1024;
/// No lock file is larger.
const MAX_LOCK_BYTES: usize = 128;

/// Why a file could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no such file.
    Missing,
    /// There is one already.
    Exists,
    /// Anything else, in the system's words.
    Other(String),
}

/// What a name in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing has it.
    Missing,
    /// A regular file.
    File,
    /// A directory, a pipe, a device, a link.
    Other,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// It must not exist; if it cannot be written whole it is removed again.
    New,
    /// It must exist, and keeps its length.
    Existing,
}

/// A directory on a disk. Clones share it, and no method keeps a file open.
pub trait Directory: Clone {
    /// What `name` is. It does not follow links.
    ///
    /// # Errors
    /// If that cannot be known.
    fn entry(&self, name: &str) -> Result<Entry, Problem>;
    /// Reads a regular file, at most `limit` bytes of it.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, Problem>;
    /// Writes a file that only its owner can read, where the system has such files.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write(&self, name: &str, bytes: &[u8], how: Write) -> Result<(), Problem>;
    /// Gives a file another name, in place of what has it.
    ///
    /// # Errors
    /// If it cannot be renamed.
    fn rename(&self, from: &str, to: &str) -> Result<(), Problem>;
    /// Removes a file.
    ///
    /// # Errors
    /// If it cannot be removed.
    fn remove(&self, name: &str) -> Result<(), Problem>;
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

/// What came of an attempt to take the lock.
#[derive(Debug)]
pub enum Locking<D: Directory> {
    /// The lock, until it is dropped.
    Held(Lock<D>),
    /// Another holds it; what the lock file says.
    Busy(Vec<u8>),
    /// No lock can be made, and so no file be written.
    Impossible(String),
}

/// Holds the token file; removes the lock file when it is dropped.
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
    /// The file of `account` in `directory`: `name` with the account's name behind it, so that two
    /// accounts never share a file or a lock.
    #[must_use]
    pub fn new(directory: D, name: &str, account: &str) -> Self {
        let name = format!("{name}-{account}");
        let (lock, new) = (format!("{name}.lock"), format!("{name}.new"));
        Self { directory, account: account.into(), name, lock, new }
    }

    /// What the file says; `None` if there is none.
    ///
    /// # Errors
    /// Says why the file, or its token, is ignored, as the end of a sentence about it.
    pub(crate) fn load(
        &self,
        now: Duration,
    ) -> Result<Option<Record>, (String, Option<Box<Record>>)> {
        let unreadable =
            |problem: Problem| (format!("cannot be read ({})", problem.as_str()), None);
        match self.directory.entry(&self.name) {
            Ok(Entry::Missing) => return Ok(None),
            Ok(Entry::Other) => return Err(("is no regular file".into(), None)),
            Ok(Entry::File) => {}
            Err(problem) => return Err(unreadable(problem)),
        }
        let bytes = match self.directory.read(&self.name, MAX_FILE_BYTES + 1) {
            Ok(bytes) if bytes.is_empty() => return Ok(None),
            Ok(bytes) => bytes,
            Err(Problem::Missing) => return Ok(None),
            Err(problem) => return Err(unreadable(problem)),
        };
        if bytes.len() > MAX_FILE_BYTES {
            return Err(("is larger than 64 KiB".into(), None));
        }
        let read = Record::read(&bytes, &self.account, now);
        read.map(Some).map_err(|(problem, rest)| (problem.into(), rest))
    }

    /// Writes the file, if `lock` is still held.
    ///
    /// # Errors
    /// Says why not, as the end of a sentence about it.
    pub(crate) fn save(
        &self,
        record: &Record,
        lock: &Lock<D>,
        now: Duration,
    ) -> Result<(), String> {
        if !lock.is_held(now) {
            return Ok(());
        }
        let failed = |problem: Problem| format!("cannot be written ({})", problem.as_str());
        // What a process that was stopped left behind.
        if self.directory.entry(&self.new) == Ok(Entry::File) {
            self.directory.remove(&self.new).map_err(failed)?;
        }
        self.directory
            .write(&self.new, &record.to_bytes(&self.account), Write::New)
            .map_err(failed)?;
        self.directory.rename(&self.new, &self.name).map_err(|problem| {
            // It holds the token.
            let _ = self.directory.remove(&self.new);
            failed(problem)
        })
    }

    /// Takes the lock if nobody holds it. Equal holders are told apart by when they ask.
    pub(crate) fn lock(&self, now: Duration) -> Locking<D> {
        let lock = self.lock_of(now);
        match self.directory.write(&self.lock, &lock.content(), Write::New) {
            Ok(()) => return Locking::Held(lock),
            Err(Problem::Exists) => {}
            Err(problem) => {
                lock.is_lost.store(true, Relaxed);
                // Some systems name another cause when the name is a directory's.
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
                Err(Problem::Missing) => Locking::Busy(Vec::new()),
                Err(problem) => self.impossible(problem.as_str()),
            },
        }
    }

    fn impossible(&self, problem: &str) -> Locking<D> {
        Locking::Impossible(format!("cannot be locked ({}: {problem})", self.lock))
    }

    /// Takes a lock over whose content has not changed for so long that its holder is gone; `None` if it
    /// is another by now. Whoever writes last has it, so [`Lock::is_held_now`] says later who has.
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

    /// The lock file's name.
    pub(crate) fn lock_name(&self) -> &str {
        &self.lock
    }
}

impl<D: Directory> Lock<D> {
    /// Shows that the holder is alive.
    pub fn beat(&self, now: Duration) {
        if self.is_held(now) {
            self.beats.fetch_add(1, Relaxed);
            if self.directory.write(&self.name, &self.content(), Write::Existing).is_ok() {
                self.beat_at.store(micros(now), Relaxed);
            }
        }
    }

    /// Whether this is still the holder. Nobody takes over a lock that has just changed, so it is looked
    /// at only if this process was stopped for a while.
    pub(crate) fn is_held(&self, now: Duration) -> bool {
        if self.is_lost.load(Relaxed) {
            return false;
        }
        micros(now).saturating_sub(self.beat_at.load(Relaxed)) < micros(LOCK_STALE)
            || self.is_held_now()
    }

    /// Whether the lock file names this holder.
    pub(crate) fn is_held_now(&self) -> bool {
        let is_ours = self.looks_ours();
        if is_ours == Some(false) {
            self.is_lost.store(true, Relaxed);
        }
        is_ours == Some(true)
    }

    /// `None` if that cannot be known, such as when files run out.
    fn looks_ours(&self) -> Option<bool> {
        match self.directory.read(&self.name, MAX_LOCK_BYTES) {
            Ok(content) => Some(content.starts_with(self.holder().as_bytes())),
            Err(Problem::Missing) => Some(false),
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
            // If it cannot be removed it grows stale.
            let _ = self.directory.remove(&self.name);
        }
    }
}

impl Problem {
    /// The problem in words.
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
