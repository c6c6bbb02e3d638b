//! The rules of the store, tested with instances that share a disk.

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

#[test]
fn without_a_file_an_instance_logs_in_once() {
    let machine = Machine::new();
    let store = machine.instance();
    let first = store.get().done().unwrap();
    assert_eq!(store.get().done().unwrap(), first);
    assert_eq!(machine.logins(), 1);
    machine.get().unwrap();
    assert_eq!(machine.logins(), 2, "without a file instances share nothing");
}

#[test]
fn with_a_file_all_instances_share_one_login() {
    let machine = Machine::with_file();
    let first = machine.get().unwrap();
    for _ in 0..50 {
        assert_eq!(machine.get().unwrap(), first);
    }
    assert_eq!(machine.logins(), 1);
    assert_eq!(machine.disk().names(), [FILE], "a lock or a temporary file was left");
}

#[test]
fn accounts_in_one_directory_share_no_token_rejection_or_lock() {
    let (alice, bob) = (Machine::with_file(), "bob");
    let bob = alice.of(bob);
    let hers = alice.get().unwrap();
    let his = bob.get().unwrap();
    assert_ne!(hers, his);
    for _ in 0..10 {
        assert_eq!((alice.get().unwrap(), bob.get().unwrap()), (hers.clone(), his.clone()));
    }
    assert_eq!(alice.logins(), 2);
    alice.fails_with(Some(rejected()));
    assert_rejected(alice.refresh(Some(hers.generation)));
    alice.fails_with(None);
    alice.lock();
    bob.refresh(Some(his.generation)).unwrap();
    assert_eq!((alice.logins(), alice.shared.millis.get()), (4, 0), "bob waited for alice");
}

#[test]
fn a_record_of_another_account_is_ignored() {
    let machine = Machine::with_file();
    machine.of("you").get().unwrap();
    machine.disk().rename("token-you", FILE).unwrap();
    machine.get().unwrap();
    assert_eq!(machine.logins(), 2);
    assert!(machine.warnings()[0].contains("another account"), "{:?}", machine.warnings());
}

#[test]
fn instances_with_the_same_stale_token_share_one_login() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    let renewed = machine.refresh(Some(stale)).unwrap();
    for _ in 0..50 {
        assert_eq!(machine.refresh(Some(stale)).unwrap(), renewed);
    }
    assert_eq!(machine.logins(), 2);
    assert_ne!(renewed.generation, stale);
}

/// Makes another process hold the lock. While the machine waits for it, that process does `work`.
fn while_locked(machine: &Machine, work: impl FnOnce(&Machine) + 'static) {
    machine.lock();
    let holder = machine.clone();
    machine.shared.meanwhile.replace(Some(Box::new(move || {
        holder.disk().remove(LOCK).unwrap();
        work(&holder);
        holder.lock();
    })));
}

#[test]
fn a_waiter_for_the_lock_gets_its_holders_token() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    while_locked(&machine, move |holder| {
        holder.refresh(Some(stale)).unwrap();
    });
    machine.refresh(Some(stale)).unwrap();
    assert_eq!(machine.logins(), 2, "one for the first token, one by the holder");
    let infos = machine.shared.infos.borrow();
    assert_eq!(infos.len(), 1);
    assert!(infos[0].contains(LOCK), "{infos:?}");
}

#[test]
fn a_waiter_for_the_lock_gets_its_holders_error() {
    for (error, check) in
        [(unavailable(), assert_unavailable as fn(_)), (rejected(), assert_rejected)]
    {
        for person in [false, true] {
            let machine = Machine::with_file();
            machine.fails_with(Some(error.clone()));
            while_locked(&machine, |holder| {
                holder.pass_millis(1);
                holder.get().unwrap_err();
            });
            check(if person { machine.refresh(None) } else { machine.get() });
            assert_eq!(machine.logins(), 1);
        }
    }
}

#[test]
fn a_stale_lock_is_taken_over_after_eight_seconds() {
    let machine = Machine::with_file();
    machine.lock();
    machine.get().unwrap();
    let waited = Duration::from_millis(machine.shared.millis.get());
    assert!(waited >= LOCK_STALE && waited < LOCK_STALE + Duration::from_secs(1), "{waited:?}");
    assert_eq!(machine.disk().names(), [FILE]);
}

#[test]
fn a_wait_for_a_lock_that_stays_held_ends_with_an_error() {
    let machine = Machine::with_file();
    machine.lock();
    fn beats(machine: Machine, beat: u64) {
        machine.disk().put(LOCK, format!("another process {beat}"));
        let again = machine.clone();
        machine.shared.meanwhile.replace(Some(Box::new(move || beats(again, beat + 1))));
    }
    beats(machine.clone(), 2);
    let Err(TokenError::Unavailable(why)) = machine.get() else { panic!("the lock was ignored") };
    assert!(why.contains("OGE_TOKEN_FILE") && why.contains(LOCK), "{why}");
    assert_eq!(machine.logins(), 0);
    machine.shared.meanwhile.take();
}

#[test]
fn the_last_of_two_processes_that_take_over_a_lock_holds_it() {
    let machine = Machine::with_file();
    machine.lock();
    let file = machine.file.clone().unwrap();
    let one = file.take_over(b"another process 1", machine.now()).unwrap();
    // The second process read the lock before the first one wrote it.
    machine.lock();
    machine.pass_millis(1);
    let other = file.take_over(b"another process 1", machine.now()).unwrap();
    assert_eq!((one.is_held_now(), other.is_held_now()), (false, true));
    drop(one);
    assert_eq!(machine.disk().names(), [LOCK], "the first process removed the second one's lock");
    drop(other);
    assert_eq!(machine.disk().names(), [""; 0]);
}

#[test]
fn a_suspended_holder_does_not_touch_a_newer_lock_or_record() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    let other = machine.clone();
    machine.shared.during.replace(Some(Box::new(move || {
        // The process is suspended. Another one takes over its lock and logs in. A third one locks.
        other.pass(1);
        other.refresh(Some(stale)).unwrap();
        other.lock();
        other.pass(20);
    })));
    let late = machine.refresh(Some(stale)).unwrap();
    assert_eq!(machine.logins(), 3);
    assert_eq!(
        late.authorization.expose(),
        "Bearer token-3",
        "the token of the other, which is newer"
    );
    assert_eq!(machine.disk().names(), [FILE, LOCK]);
    assert_eq!(machine.get().unwrap(), late);
}

#[test]
fn refresh_without_stale_logs_in_even_with_a_good_token() {
    for machine in [Machine::new(), Machine::with_file()] {
        let store = machine.instance();
        let held = store.refresh(None).done().unwrap();
        assert_ne!(store.refresh(None).done().unwrap(), held);
        assert_eq!(machine.logins(), 2);
    }
}

/// Calls a new instance, or `shared` if there is no file, every second.
fn call_for(machine: &Machine, shared: &Store<Machine>, seconds: u64) {
    for second in 0..seconds {
        let fresh = machine.instance();
        let store = if machine.file.is_some() { &fresh } else { shared };
        store.get().done().unwrap_err();
        store.refresh(Some(second)).done().unwrap_err();
        machine.pass(1);
    }
}

#[test]
fn at_most_three_logins_are_made_with_wrong_credentials() {
    for machine in [Machine::new(), Machine::with_file()] {
        machine.fails_with(Some(rejected()));
        let shared = machine.instance();
        call_for(&machine, &shared, 59);
        assert_eq!(machine.logins(), 1);
        call_for(&machine, &shared, 20_000);
        assert_eq!(machine.logins(), 3);
    }
}

#[test]
fn a_rejection_names_the_reason_the_backoff_and_the_remedy() {
    let machine = Machine::with_file();
    machine.fails_with(Some(rejected()));
    for (expected, pass) in [
        ("wrong; it is not tried again for 60 s", 60),
        ("wrong; it is not tried again for 10 min", 600),
        ("wrong; nothing more is tried with these credentials", 1),
        ("wrong; nothing more is tried with these credentials", 1),
    ] {
        let Err(TokenError::Rejected(why)) = machine.get() else { panic!() };
        assert!(why.starts_with(expected) && why.contains("corrected settings"), "{why}");
        machine.pass(pass);
    }
}

#[test]
fn a_corrected_password_is_tried_at_once() {
    let wrong = Machine { password: "wrong", ..Machine::with_file() };
    wrong.fails_with(Some(LoginError::Rejected { why: "wrong".to_owned(), tries_left: Some(2) }));
    assert_rejected(wrong.get());
    let right = Machine { password: "right", ..wrong.clone() };
    right.fails_with(None);
    let token = right.get().unwrap();
    assert_eq!(right.logins(), 2);
    wrong.fails_with(Some(rejected()));
    assert_rejected(wrong.refresh(Some(token.generation)));
    assert_eq!(wrong.logins(), 2);
}

#[test]
fn a_person_may_log_in_once_more_but_not_in_a_loop() {
    for machine in [Machine::new(), Machine::with_file()] {
        machine.fails_with(Some(LoginError::Rejected {
            why: "wrong".to_owned(),
            tries_left: Some(1),
        }));
        let store = machine.instance();
        for _ in 0..20 {
            assert_rejected(store.get().done());
            assert_rejected(store.refresh(None).done());
        }
        assert_eq!(machine.logins(), 2);
        machine.fails_with(None);
        machine.pass(60);
        assert_rejected(store.get().done());
        store.refresh(None).done().unwrap();
        assert_eq!(machine.logins(), 3);
    }
}

#[test]
fn an_outage_of_ten_seconds_causes_at_most_five_logins() {
    for machine in [Machine::new(), Machine::with_file()] {
        machine.fails_with(Some(unavailable()));
        let shared = machine.instance();
        for _ in 0..1_000 {
            for person in [false, true] {
                let fresh = machine.instance();
                let store = if machine.file.is_some() { &fresh } else { &shared };
                assert_unavailable(if person {
                    store.refresh(None).done()
                } else {
                    store.get().done()
                });
            }
            machine.pass_millis(10);
        }
        assert!((4..=5).contains(&machine.logins()), "{}", machine.logins());
        machine.fails_with(None);
        let back_at = machine.now();
        let fresh = machine.instance();
        let store = if machine.file.is_some() { &fresh } else { &shared };
        while store.get().done().is_err() {
            machine.pass_millis(10);
        }
        assert!(machine.now() - back_at < Duration::from_secs(8));
        // The outage is over, so the next one starts with the first backoff.
        machine.fails_with(Some(unavailable()));
        machine.pass(HOUR);
        store.get().done().unwrap_err();
        machine.pass(1);
        let logins = machine.logins();
        store.get().done().unwrap_err();
        assert_eq!(machine.logins(), logins + 1, "the backoff did not start again");
    }
}

#[test]
fn after_a_long_outage_the_next_login_is_within_max_backoff() {
    let machine = Machine::with_file();
    machine.fails_with(Some(unavailable()));
    for _ in 0..10_000 {
        machine.get().unwrap_err();
        machine.pass(1);
    }
    machine.fails_with(None);
    let back_at = machine.now();
    while machine.get().is_err() {
        machine.pass(1);
    }
    assert!(machine.now() - back_at <= MAX_BACKOFF);
}

#[test]
fn a_token_stays_rejected_after_a_failed_refresh() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    machine.fails_with(Some(unavailable()));
    assert_unavailable(machine.refresh(Some(stale)));
    assert_unavailable(machine.get());
    machine.pass(1);
    assert_unavailable(machine.get());
    assert_eq!(machine.logins(), 3);
}

#[test]
fn a_failed_early_refresh_returns_the_old_token() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 200);
    machine.fails_with(Some(unavailable()));
    assert_eq!(machine.get(), Ok(old.clone()));
    assert_eq!(machine.shared.limits.borrow().last(), Some(&Duration::from_secs(3)));
    assert_eq!(machine.get(), Ok(old.clone()), "held off for 30 s, in every instance");
    assert_eq!(machine.logins(), 2);
    machine.pass(30);
    machine.fails_with(None);
    assert_ne!(machine.get(), Ok(old));
}

#[test]
fn the_old_token_is_returned_while_another_process_refreshes_it() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 200);
    machine.lock();
    assert_eq!(machine.get(), Ok(old));
    assert_eq!((machine.logins(), machine.shared.millis.get()), (1, 1000 * (HOUR - 200)));
}

#[test]
fn a_given_token_is_not_used_again_after_its_rejection() {
    for machine in [Machine::new(), Machine::with_file()] {
        let store = machine.given("Bearer given");
        let given = store.get().done().unwrap();
        assert_eq!((given.authorization.expose(), machine.logins()), ("Bearer given", 0));
        let token = store.refresh(Some(given.generation)).done().unwrap();
        assert_eq!((store.get().done().unwrap(), machine.logins()), (token.clone(), 1));
        if machine.file.is_some() {
            assert_eq!(used(&machine.given("Bearer given")), token.authorization.expose());
        }
    }
}

#[test]
fn a_new_given_token_replaces_the_files_until_it_is_refreshed() {
    let machine = Machine::with_file();
    assert_eq!(used(&machine.instance()), "Bearer token-1");
    assert_eq!(used(&machine.given("Bearer a")), "Bearer a");
    assert_eq!(used(&machine.given("Bearer b")), "Bearer b");
    assert_eq!(used(&machine.given("Bearer a")), "Bearer a");
    let b = machine.given("Bearer b").get().done().unwrap();
    let renewed = machine.given("Bearer b").refresh(Some(b.generation)).done().unwrap();
    assert_eq!((renewed.authorization.expose(), machine.logins()), ("Bearer token-2", 2));
    assert_eq!(used(&machine.given("Bearer b")), "Bearer token-2");
    assert_eq!(used(&machine.given("Bearer c")), "Bearer c");
}

#[test]
fn two_expired_given_tokens_do_not_cause_a_login_for_each_call() {
    let machine = Machine::with_file();
    let call = |given| {
        let store = machine.given(given);
        let token = store.get().done().unwrap();
        if token.authorization.expose().starts_with("Bearer token-") {
            return;
        }
        store.refresh(Some(token.generation)).done().unwrap();
    };
    for _ in 0..20 {
        call("Bearer a");
        call("Bearer b");
    }
    assert!(machine.logins() <= 2, "{}", machine.logins());
}

#[test]
fn with_a_full_disk_tokens_and_rejections_are_kept_in_memory() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.disk().0.is_full.set(true);
    machine.pass(HOUR);
    let store = machine.instance();
    let token = store.get().done().unwrap();
    assert_ne!(token, old);
    for _ in 0..20 {
        assert_eq!(store.get().done().unwrap(), token);
    }
    assert_eq!(machine.logins(), 2);
    assert_eq!(machine.warnings().len(), 1, "{:?}", machine.warnings());
    machine.fails_with(Some(rejected()));
    store.refresh(Some(token.generation)).done().unwrap_err();
    for _ in 0..100 {
        assert_rejected(store.get().done());
    }
    assert_eq!(machine.logins(), 3);
}

#[test]
fn a_rejected_login_that_cannot_be_counted_is_not_repeated() {
    let machine = Machine::with_file();
    machine.fails_with(Some(rejected()));
    assert_rejected(machine.get());
    machine.disk().0.is_full.set(true);
    machine.pass(REJECTION_BACKOFF[1].as_secs());
    for _ in 0..20 {
        let Err(TokenError::Rejected(why)) = machine.get() else { panic!() };
        assert!(why.contains("cannot be written"), "{why}");
    }
    assert_eq!(machine.logins(), 1);
}

#[test]
fn running_out_of_open_files_leaves_no_lock_and_delays_no_call() {
    for left in 0..12 {
        let machine = Machine::with_file();
        machine.disk().0.files_left.set(Some(left));
        let store = machine.instance();
        store.get().done().unwrap();
        assert!(!machine.disk().names().contains(&LOCK.to_owned()), "after {left} files");
        machine.disk().0.files_left.set(None);
        machine.get().unwrap();
        assert!(machine.logins() <= 2);
        assert_eq!(machine.shared.millis.get(), 0, "after {left} files");
    }
}

#[test]
fn entries_that_are_no_regular_files_are_reported_at_once() {
    for (name, logins) in [(FILE, 2), (LOCK, 2), ("token-me.new", 2), ("token-me.stale", 1)] {
        let machine = Machine::with_file();
        machine.disk().0.others.borrow_mut().push(name.to_owned());
        machine.get().unwrap();
        machine.get().unwrap();
        assert_eq!((machine.logins(), machine.shared.millis.get()), (logins, 0), "{name}");
        assert_eq!(machine.warnings().is_empty(), logins == 1, "{name} {:?}", machine.warnings());
        assert!(!machine.disk().names().contains(&LOCK.to_owned()));
    }
}

#[test]
fn an_invalid_token_in_the_file_is_replaced_by_one_login() {
    let good = Machine::with_file();
    good.get().unwrap();
    let text = String::from_utf8(good.disk().0.files.borrow()[FILE].clone()).unwrap();
    let generation = good.instance().peek().unwrap().generation.to_string();
    for (from, to) in [
        ("Bearer token-1", "Bearer tok\\nen"),
        ("Bearer token-1", "Bearer tok\\u0000en"),
        ("Bearer token-1", ""),
        ("Bearer token-1", &*"x".repeat(70_000)),
        (&*generation, "18446744073709551615"),
        ("oge-token/2", "oge-token/3"),
        ("{", "["),
    ] {
        let machine = Machine::with_file();
        machine.disk().put(FILE, text.replacen(from, to, 1));
        for _ in 0..10 {
            assert_eq!(used(&machine.instance()), "Bearer token-1");
        }
        assert_eq!(machine.logins(), 1, "{to}");
        assert_eq!(machine.warnings().len(), 1, "{:?}", machine.warnings());
        assert!(machine.warnings()[0].starts_with("OGE_TOKEN_FILE "));
    }
}

#[test]
fn absurd_times_in_the_file_cause_no_panic_and_no_lasting_error() {
    let machine = Machine::with_file();
    machine.fails_with(Some(rejected()));
    machine.get().unwrap_err();
    machine.fails_with(Some(unavailable()));
    machine.pass(60);
    machine.get().unwrap_err();
    let now = machine.now().as_secs();
    let text = String::from_utf8(machine.disk().0.files.borrow()[FILE].clone()).unwrap();
    for absurd in [0, now + 1_000_000, u64::MAX] {
        machine.disk().put(FILE, text.replace("17000000", "x").replace("x60", &absurd.to_string()));
        let Ok(()) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = machine.get();
            let _ = machine.refresh(None);
        })) else {
            panic!("{absurd}");
        };
        machine.pass(REJECTION_BACKOFF[1].as_secs());
    }
    machine.fails_with(None);
    machine.pass(REJECTION_BACKOFF[1].as_secs());
    machine.get().unwrap();
}

#[test]
fn peek_does_not_log_in() {
    let machine = Machine::with_file();
    assert_eq!(machine.instance().peek(), None);
    let kept = machine.get().unwrap();
    assert_eq!(machine.instance().peek(), Some(kept));
    assert_eq!(machine.logins(), 1);
}

#[test]
fn a_clock_set_back_allows_no_login_and_blocks_none_for_long() {
    let machine = Machine::with_file();
    machine.pass(24 * HOUR);
    machine.fails_with(Some(rejected()));
    machine.get().unwrap_err();
    machine.set_clock(0);
    for _ in 0..60 {
        assert_rejected(machine.get());
        assert_eq!(machine.logins(), 1);
        machine.pass(1);
    }
    machine.fails_with(None);
    machine.get().unwrap();

    let machine = Machine::with_file();
    machine.pass(24 * HOUR);
    machine.fails_with(Some(unavailable()));
    machine.get().unwrap_err();
    machine.set_clock(0);
    machine.fails_with(None);
    let token = machine.get().unwrap();
    for _ in 0..20 {
        assert_eq!(machine.get().unwrap(), token);
    }
    assert_eq!(machine.logins(), 2);
}

#[test]
fn a_clock_that_jumps_repeatedly_causes_no_extra_logins() {
    let hours = |turn: u64| (100 + 5 * (turn % 2)) * HOUR;
    let machine = Machine::with_file();
    for turn in 0..50 {
        machine.set_clock(hours(turn));
        machine.get().unwrap();
    }
    assert_eq!(machine.logins(), 2, "one for each of the two times");
    let machine = Machine::with_file();
    machine.fails_with(Some(rejected()));
    for turn in 0..50 {
        machine.set_clock(hours(turn));
        for _ in 0..20 {
            machine.get().unwrap_err();
        }
    }
    assert_eq!(machine.logins(), 3);
}

#[test]
fn a_rejected_token_is_not_returned_even_if_no_login_is_allowed() {
    let machine = Machine::with_file();
    let token = machine.get().unwrap();
    machine.fails_with(Some(rejected()));
    machine.refresh(None).unwrap_err();
    machine.refresh(Some(token.generation)).unwrap_err();
    machine.get().unwrap_err();
    assert_eq!(machine.logins(), 2);
}

#[test]
fn contention_is_logged_once_and_keeps_logins_apart() {
    let machine = Machine::with_file();
    let mut stale = machine.get().unwrap().generation;
    for _ in 0..3 {
        stale = machine.refresh(Some(stale)).unwrap().generation;
    }
    assert!(machine.shared.millis.get() >= 5000, "the interval was not kept");
    assert_eq!(machine.warnings(), [CONTENTION_WARNING]);
}

#[test]
fn contention_is_logged_by_one_instance_and_known_to_all() {
    let machine = Machine::with_file();
    let first = machine.get().unwrap().generation;
    let second = machine.refresh(Some(first)).unwrap().generation;
    // While one instance waits for the interval, others report the same rejection and find the lock held.
    let other = machine.clone();
    let others = move || {
        let sent = other.instance();
        assert!(
            matches!(sent.try_get(), TokenRequest::LoginNeeded(_)),
            "a rejected token was returned"
        );
        for _ in 0..10 {
            assert!(matches!(
                other.instance().try_refresh(Some(second)),
                TokenRequest::LoginNeeded(_)
            ));
        }
    };
    machine.shared.meanwhile.replace(Some(Box::new(others)));
    machine.refresh(Some(second)).unwrap();
    assert_eq!(machine.logins(), 3);
    assert_eq!(machine.warnings(), [CONTENTION_WARNING]);
}

#[test]
fn failed_early_refreshes_of_all_instances_are_30_s_apart() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 290);
    for _ in 0..240 {
        machine.fails_with(Some(unavailable()));
        for _ in 0..5 {
            assert_eq!(machine.get().unwrap(), old);
        }
        machine.pass(1);
    }
    assert_eq!(machine.logins(), 1 + 240 / 30);
}

#[test]
fn an_interrupted_login_is_repeated_once_and_then_backed_off() {
    let machine = Machine::with_file();
    let begin_and_die = |machine: &Machine| {
        let store = machine.instance();
        let file = machine.file.clone().unwrap();
        let Locking::Held(lock) = file.lock(machine.now()) else { panic!() };
        store.load_newer();
        if let RequestState::LoginNeeded(_) =
            store.request_state(TokenWanted::Good, Requester::Call, true)
        {
            store.known.with(|known| known.record.state.attempt(machine.now(), Requester::Call));
            assert!(store.save(Some(&lock)));
            return true;
        }
        false
    };
    assert!(begin_and_die(&machine) && begin_and_die(&machine));
    assert!(!begin_and_die(&machine), "a third login was made at once");
    let Err(TokenError::Unavailable(why)) = machine.get() else { panic!() };
    assert!(why.contains("stopped before the answer came"), "{why}");
    machine.pass(60);
    machine.get().unwrap();
    assert_eq!(machine.logins(), 1);
}
