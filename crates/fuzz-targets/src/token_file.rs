//! A token file with any content, and the store that reads it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use oge_token::timing::{MAX_BACKOFF, REJECTION_BACKOFF};
use oge_token::{
    Directory, Entry, FileError, Issued, Lock, LoginError, Medium, Record, Store, StoreEffects,
    TokenFile, TokenRequest, Write,
};
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError};
use zeroize::Zeroizing;

/// The longest time that a file's content may delay a call: the spacing of logins with its jitter.
const LONGEST: Duration = Duration::from_secs(11);
const ACCOUNT: &str = "account";
const START: Duration = Duration::from_secs(1_700_000_000);

/// Input: the file.
pub(crate) fn target(data: &[u8]) {
    let record = match Record::read(data, ACCOUNT, START) {
        Ok(record) => record,
        Err((_, Some(record))) => *record,
        Err((_, None)) => return,
    };
    let bytes = record.to_bytes(ACCOUNT);
    let again = Record::read(&bytes, ACCOUNT, START).expect("what was written is read");
    assert_eq!(*again.to_bytes(ACCOUNT), *bytes);

    for rejects in [false, true] {
        let shared = Rc::new(Shared { now: Cell::new(START), logins: Cell::new(0), rejects });
        let disk = Disk(Rc::new(RefCell::new(Some(data.to_vec()))));
        let file = TokenFile::new(disk, "token", ACCOUNT);
        assert_serves(&Machine { shared, file });
    }
}

/// Asserts that a store with this file returns in time, never returns a rejected token, and makes no more
/// logins than the rules allow.
fn assert_serves(machine: &Machine) {
    let logins = || machine.shared.logins.get();
    let store = Store::new(machine.clone(), Medium::File(machine.file.clone()), None);
    let held = store.peek();
    let first = done(store.get());
    assert!(logins() <= 1);
    assert!(machine.shared.now.get() - START <= LONGEST, "the file delayed a call");
    if machine.shared.rejects && logins() > 0 && first.is_ok() {
        assert_eq!(
            first.as_ref().ok(),
            held.as_ref(),
            "a token that is neither in the file nor from a login"
        );
    }
    if let Ok(first) = first {
        let before = logins();
        let second = done(store.refresh(Some(first.generation)));
        assert!(logins() <= before + 1);
        if let Ok(second) = second {
            assert_ne!(second.generation, first.generation, "the rejected token again");
        }
    }
    let before = logins();
    for _ in 0..10 {
        machine.pass(REJECTION_BACKOFF[2] + MAX_BACKOFF);
        let _ = done(store.refresh(Some(store.peek().map_or(0, |token| token.generation))));
    }
    if machine.shared.rejects {
        assert!(logins() <= 4, "rejected credentials were tried again and again");
    }
    // A forced login is always possible in the end.
    machine.pass(REJECTION_BACKOFF[2]);
    assert!(matches!(store.try_refresh(None), TokenRequest::LoginNeeded(_)), "locked out for ever");
    assert!(logins() <= before + 10);
}

/// The effects of a store with this file.
#[derive(Clone)]
struct Machine {
    shared: Rc<Shared>,
    file: TokenFile<Disk>,
}

struct Shared {
    now: Cell<Duration>,
    logins: Cell<u32>,
    /// Whether the authority rejects the credentials.
    rejects: bool,
}

impl Machine {
    fn pass(&self, time: Duration) {
        self.shared.now.set(self.shared.now.get() + time);
    }
}

/// A directory with one file. Locks always succeed.
#[derive(Clone)]
struct Disk(Rc<RefCell<Option<Vec<u8>>>>);

fn is_token(name: &str) -> bool {
    !name.ends_with(".lock") && !name.ends_with(".new")
}

impl Directory for Disk {
    fn entry(&self, name: &str) -> Result<Entry, FileError> {
        Ok(if is_token(name) { Entry::File } else { Entry::Missing })
    }

    fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let file = self.0.borrow();
        let bytes = file.as_ref().filter(|_| is_token(name)).ok_or(FileError::Missing)?;
        Ok(Zeroizing::new(bytes.iter().copied().take(limit).collect()))
    }

    fn write(&self, name: &str, bytes: &[u8], _how: Write) -> Result<(), FileError> {
        if name.ends_with(".new") {
            self.0.replace(Some(bytes.to_vec()));
        }
        Ok(())
    }

    fn rename(&self, _from: &str, _to: &str) -> Result<(), FileError> {
        Ok(())
    }

    fn remove(&self, _name: &str) -> Result<(), FileError> {
        Ok(())
    }
}

impl StoreEffects for Machine {
    type Shared<T> = RefCell<T>;
    type LoginLock = ();
    type Directory = Disk;
    type Transport = Infallible;

    fn now(&self) -> Duration {
        self.shared.now.get()
    }

    async fn lock_login(&self) {}

    fn try_lock_login(&self) -> Option<()> {
        Some(())
    }

    async fn pause(&self, time: Duration, _lock: Option<&Lock<Disk>>) {
        self.pass(time);
    }

    fn can_log_in(&self) -> bool {
        true
    }

    fn digest(&self, _salt: &[u8]) -> String {
        String::new()
    }

    async fn login(
        &self,
        _limit: Duration,
        _lock: Option<&Lock<Disk>>,
    ) -> Result<Issued, LoginError> {
        let logins = self.shared.logins.get() + 1;
        self.shared.logins.set(logins);
        if self.shared.rejects {
            return Err(LoginError::Rejected { why: "no".to_owned(), tries_left: None });
        }
        let authorization = Secret::new(format!("Bearer {logins}"));
        Ok(Issued { authorization, expires_in: Some(3600), claims: Claims::default() })
    }

    fn warn(&self, _what: &str) {}

    fn info(&self, _what: &str) {}
}

fn done(answer: impl Future<Output = Result<Token, TokenError>>) -> Result<Token, TokenError> {
    answer.now_or_never().expect("nothing here waits")
}
