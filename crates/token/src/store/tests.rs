//! The rules of the store, tested with instances that share a disk.

mod backoff;
mod clock;
mod disk;
mod lock;
mod sharing;

use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::future::Future;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::string::ToString as _;

use futures_util::FutureExt as _;
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use zeroize::Zeroizing;

use super::*;
use crate::file::{Directory, Entry, FileError, TokenFile, Write};
use crate::timing::{MAX_BACKOFF, REJECTION_BACKOFF};

const HOUR: u64 = 3600;
const FILE: &str = "token-me";
const LOCK: &str = "token-me.lock";

/// A directory in memory whose operations can fail.
#[derive(Clone, Default)]
struct Disk(Rc<DiskState>);

#[derive(Default)]
struct DiskState {
    files: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Names of directories, pipes and devices.
    others: RefCell<Vec<String>>,
    is_full: Cell<bool>,
    /// How many more files can be opened.
    files_left: Cell<Option<u32>>,
}

impl Disk {
    fn open(&self) -> Result<(), FileError> {
        match self.0.files_left.get() {
            None => Ok(()),
            Some(0) => Err(FileError::Other("too many open files".to_owned())),
            Some(left) => {
                self.0.files_left.set(Some(left - 1));
                Ok(())
            }
        }
    }

    fn names(&self) -> Vec<String> {
        self.0.files.borrow().keys().cloned().collect()
    }

    fn put(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.0.files.borrow_mut().insert(name.to_owned(), bytes.into());
    }
}

impl Directory for Disk {
    fn entry(&self, name: &str) -> Result<Entry, FileError> {
        if self.0.others.borrow().iter().any(|other| other == name) {
            return Ok(Entry::Other);
        }
        let is_file = self.0.files.borrow().contains_key(name);
        Ok(if is_file { Entry::File } else { Entry::Missing })
    }

    fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        assert_ne!(self.entry(name), Ok(Entry::Other), "opening a pipe would hang");
        self.open()?;
        let files = self.0.files.borrow();
        let bytes = files.get(name).ok_or(FileError::Missing)?;
        Ok(Zeroizing::new(bytes.iter().copied().take(limit).collect()))
    }

    fn write(&self, name: &str, bytes: &[u8], how: Write) -> Result<(), FileError> {
        match (self.entry(name)?, how) {
            (Entry::File | Entry::Other, Write::New) => return Err(FileError::Exists),
            (Entry::Missing, Write::Existing) => return Err(FileError::Missing),
            (Entry::Other, _) => panic!("opening a pipe would hang"),
            _ => {}
        }
        self.open()?;
        if self.0.is_full.get() && how == Write::New {
            return Err(FileError::Other("no space left".to_owned()));
        }
        self.put(name, bytes);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let bytes = self.0.files.borrow_mut().remove(from).ok_or(FileError::Missing)?;
        self.put(to, bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), FileError> {
        self.0.files.borrow_mut().remove(name).map(drop).ok_or(FileError::Missing)
    }
}

/// A machine: one clock, one disk, one authority. Clones share them and may have other settings.
#[derive(Clone)]
struct Machine {
    shared: Rc<MachineState>,
    file: Option<TokenFile<Disk>>,
    password: &'static str,
}

#[derive(Default)]
struct MachineState {
    millis: Cell<u64>,
    disk: Disk,
    logins: Cell<u64>,
    limits: RefCell<Vec<Duration>>,
    answer: RefCell<Option<LoginError>>,
    /// What another process does during the next pause.
    meanwhile: RefCell<Option<Box<dyn FnOnce()>>>,
    /// What another process does during the next login.
    during: RefCell<Option<Box<dyn FnOnce()>>>,
    warnings: RefCell<Vec<String>>,
    infos: RefCell<Vec<String>>,
}

/// Returns the output of a future that is ready at once, as all futures of a machine are.
trait Done: Future + Sized {
    fn done(self) -> Self::Output {
        self.now_or_never().expect("the future is pending")
    }
}

impl<F: Future> Done for F {}

impl StoreEffects for Machine {
    type Shared<T> = RefCell<T>;
    type LoginLock = ();
    type Directory = Disk;
    type Transport = Infallible;

    fn now(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + Duration::from_millis(self.shared.millis.get())
    }

    async fn lock_login(&self) {}

    fn try_lock_login(&self) -> Option<()> {
        Some(())
    }

    async fn pause(&self, time: Duration, lock: Option<&Lock<Disk>>) {
        self.pass_millis(u64::try_from(time.as_millis()).unwrap().max(1));
        if let Some(lock) = lock {
            lock.beat(self.now());
        }
        if let Some(meanwhile) = self.shared.meanwhile.take() {
            meanwhile();
        }
    }

    fn can_log_in(&self) -> bool {
        true
    }

    fn digest(&self, salt: &[u8]) -> String {
        let sum = self.password.bytes().chain(salt.iter().copied());
        format!("{:04x}", sum.fold(7_u16, |sum, byte| sum.wrapping_mul(31) ^ u16::from(byte)))
    }

    async fn login(
        &self,
        limit: Duration,
        _lock: Option<&Lock<Disk>>,
    ) -> Result<Issued, LoginError> {
        self.shared.logins.set(self.logins() + 1);
        self.shared.limits.borrow_mut().push(limit);
        let number = self.logins();
        if let Some(during) = self.shared.during.take() {
            during();
        }
        if let Some(error) = self.shared.answer.borrow().clone() {
            return Err(error);
        }
        Ok(Issued {
            authorization: Secret::new(format!("Bearer token-{number}")),
            expires_in: Some(HOUR),
            claims: Claims::default(),
        })
    }

    fn warn(&self, what: &str) {
        self.shared.warnings.borrow_mut().push(what.to_string());
    }

    fn info(&self, what: &str) {
        self.shared.infos.borrow_mut().push(what.to_string());
    }
}

impl Machine {
    fn new() -> Self {
        Self { shared: Rc::default(), file: None, password: "right" }
    }

    fn with_file() -> Self {
        Self::new().of("me")
    }

    /// Returns the same machine with another account.
    fn of(&self, account: &str) -> Self {
        let file = Some(TokenFile::new(self.shared.disk.clone(), "token", account));
        Self { file, ..self.clone() }
    }

    fn pass(&self, seconds: u64) {
        self.pass_millis(1000 * seconds);
    }

    fn pass_millis(&self, millis: u64) {
        self.shared.millis.set(self.shared.millis.get() + millis);
    }

    fn set_clock(&self, seconds: u64) {
        self.shared.millis.set(1000 * seconds);
    }

    fn fails_with(&self, error: Option<LoginError>) {
        self.shared.answer.replace(error);
    }

    fn instance(&self) -> Store<Self> {
        Store::new(self.clone(), self.medium(), None)
    }

    /// Returns a new instance with the setting `OGE_TOKEN`.
    fn given(&self, token: &str) -> Store<Self> {
        let mut given = ConfiguredToken::of(Secret::new(token));
        given.issued_at = Some(self.now().as_secs());
        Store::new(self.clone(), self.medium(), Some(given))
    }

    fn medium(&self) -> Medium<Self> {
        self.file.clone().map_or(Medium::Memory, Medium::File)
    }

    fn get(&self) -> Result<Token, TokenError> {
        self.instance().get().done()
    }

    fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.instance().refresh(stale).done()
    }

    fn logins(&self) -> u64 {
        self.shared.logins.get()
    }

    fn disk(&self) -> &Disk {
        &self.shared.disk
    }

    fn warnings(&self) -> Vec<String> {
        self.shared.warnings.borrow().clone()
    }

    /// Makes another process hold the lock without a login.
    fn lock(&self) {
        self.disk().put(LOCK, "another process 1");
    }
}

fn used(store: &Store<Machine>) -> String {
    store.get().done().unwrap().authorization.expose().to_owned()
}

fn rejected() -> LoginError {
    LoginError::Rejected { why: "wrong".to_owned(), tries_left: None }
}

fn unavailable() -> LoginError {
    LoginError::Unavailable { why: "down".to_owned(), retry_after: None }
}

fn assert_rejected(got: Result<Token, TokenError>) {
    assert!(matches!(&got, Err(TokenError::Rejected(why)) if why.starts_with("wrong;")), "{got:?}");
}

fn assert_unavailable(got: Result<Token, TokenError>) {
    assert!(
        matches!(&got, Err(TokenError::Unavailable(why)) if why.starts_with("down;")),
        "{got:?}"
    );
}
