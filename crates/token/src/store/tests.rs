//! The rules, played by instances that share a disk.

use core::cell::{Cell, RefCell};
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
use crate::file::{Directory, Entry, Problem, TokenFile, Write};
use crate::timing::{MAX_BACKOFF, REJECTION_BACKOFF};

const HOUR: u64 = 3600;
const FILE: &str = "token-me";
const LOCK: &str = "token-me.lock";

/// A directory in memory, in which operations can be made to fail.
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
    fn open(&self) -> Result<(), Problem> {
        match self.0.files_left.get() {
            None => Ok(()),
            Some(0) => Err(Problem::Other("too many open files".to_owned())),
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
    fn entry(&self, name: &str) -> Result<Entry, Problem> {
        if self.0.others.borrow().iter().any(|other| other == name) {
            return Ok(Entry::Other);
        }
        let is_file = self.0.files.borrow().contains_key(name);
        Ok(if is_file { Entry::File } else { Entry::Missing })
    }

    fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
        assert_ne!(self.entry(name), Ok(Entry::Other), "opening a pipe would hang");
        self.open()?;
        let files = self.0.files.borrow();
        let bytes = files.get(name).ok_or(Problem::Missing)?;
        Ok(Zeroizing::new(bytes.iter().copied().take(limit).collect()))
    }

    fn write(&self, name: &str, bytes: &[u8], how: Write) -> Result<(), Problem> {
        match (self.entry(name)?, how) {
            (Entry::File | Entry::Other, Write::New) => return Err(Problem::Exists),
            (Entry::Missing, Write::Existing) => return Err(Problem::Missing),
            (Entry::Other, _) => panic!("opening a pipe would hang"),
            _ => {}
        }
        self.open()?;
        if self.0.is_full.get() && how == Write::New {
            return Err(Problem::Other("no space left".to_owned()));
        }
        self.put(name, bytes);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Problem> {
        let bytes = self.0.files.borrow_mut().remove(from).ok_or(Problem::Missing)?;
        self.put(to, bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), Problem> {
        self.0.files.borrow_mut().remove(name).map(drop).ok_or(Problem::Missing)
    }
}

/// A machine: one clock, one disk, one authority. Clones share them, and may have other settings.
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
    /// What another does while this one waits.
    meanwhile: RefCell<Option<Box<dyn FnOnce()>>>,
    /// What another does during a login.
    during: RefCell<Option<Box<dyn FnOnce()>>>,
    warnings: RefCell<Vec<String>>,
    infos: RefCell<Vec<String>>,
}

/// A machine never makes its one task wait.
trait Done: Future + Sized {
    fn done(self) -> Self::Output {
        self.now_or_never().expect("something waited")
    }
}

impl<F: Future> Done for F {}

impl Effects for Machine {
    type Shared<T> = RefCell<T>;
    type Turn = ();
    type Directory = Disk;

    fn now(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + Duration::from_millis(self.shared.millis.get())
    }

    fn file(&self) -> Option<&TokenFile<Disk>> {
        self.file.as_ref()
    }

    async fn turn(&self) {}

    fn try_turn(&self) -> Option<()> {
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

    /// The same machine, for this account.
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

    /// A fresh instance.
    fn instance(&self) -> Store<Self> {
        Store::new(self.clone(), None)
    }

    /// A fresh instance whose settings give a token.
    fn given(&self, token: &str) -> Store<Self> {
        let mut given = Given::of(Secret::new(token));
        given.issued_at = Some(self.now().as_secs());
        Store::new(self.clone(), Some(given))
    }

    /// A fresh instance, asked once.
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

    /// Another process holds the lock, and does nothing.
    fn lock(&self) {
        self.disk().put(LOCK, "somebody else 1");
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
    assert_eq!(machine.logins(), 2, "another instance knows nothing of it");
}

#[test]
fn with_a_file_all_instances_share_one_login() {
    let machine = Machine::with_file();
    let first = machine.get().unwrap();
    for _ in 0..50 {
        assert_eq!(machine.get().unwrap(), first);
    }
    assert_eq!(machine.logins(), 1);
    assert_eq!(machine.disk().names(), [FILE], "no lock and no half-written file stay behind");
}

#[test]
fn accounts_in_one_directory_never_see_each_others_token_rejection_or_lock() {
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
fn another_accounts_record_under_this_name_is_ignored() {
    let machine = Machine::with_file();
    machine.of("you").get().unwrap();
    machine.disk().rename("token-you", FILE).unwrap();
    machine.get().unwrap();
    assert_eq!(machine.logins(), 2);
    assert!(machine.warnings()[0].contains("another account"), "{:?}", machine.warnings());
}

#[test]
fn many_who_met_the_same_expiry_share_one_login() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    let renewed = machine.refresh(Some(stale)).unwrap();
    for _ in 0..50 {
        assert_eq!(machine.refresh(Some(stale)).unwrap(), renewed);
    }
    assert_eq!(machine.logins(), 2);
    assert_ne!(renewed.generation, stale);
}

/// Another process logs in while this one waits for its lock.
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
fn who_waits_for_the_lock_gets_what_its_holder_got() {
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
fn who_waits_for_the_lock_gets_the_error_too() {
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
fn a_lock_whose_holder_died_is_taken_over_after_eight_seconds() {
    let machine = Machine::with_file();
    machine.lock();
    machine.get().unwrap();
    let waited = Duration::from_millis(machine.shared.millis.get());
    assert!(waited >= LOCK_STALE && waited < LOCK_STALE + Duration::from_secs(1), "{waited:?}");
    assert_eq!(machine.disk().names(), [FILE]);
}

#[test]
fn a_lock_whose_holder_lives_is_waited_for_and_then_told() {
    let machine = Machine::with_file();
    machine.lock();
    fn beats(machine: Machine, beat: u64) {
        machine.disk().put(LOCK, format!("somebody else {beat}"));
        let again = machine.clone();
        machine.shared.meanwhile.replace(Some(Box::new(move || beats(again, beat + 1))));
    }
    beats(machine.clone(), 2);
    let Err(TokenError::Unavailable(why)) = machine.get() else { panic!("it got through") };
    assert!(why.contains("OGE_TOKEN_FILE") && why.contains(LOCK), "{why}");
    assert_eq!(machine.logins(), 0);
    machine.shared.meanwhile.take();
}

#[test]
fn of_two_who_take_over_one_lock_the_last_has_it() {
    let machine = Machine::with_file();
    machine.lock();
    let file = machine.file.clone().unwrap();
    let one = file.take_over(b"somebody else 1", machine.now()).unwrap();
    // It looked before the first wrote.
    machine.lock();
    machine.pass_millis(1);
    let other = file.take_over(b"somebody else 1", machine.now()).unwrap();
    assert_eq!((one.is_held_now(), other.is_held_now()), (false, true));
    drop(one);
    assert_eq!(machine.disk().names(), [LOCK], "the loser leaves it alone");
    drop(other);
    assert_eq!(machine.disk().names(), [""; 0]);
}

#[test]
fn a_holder_that_was_stopped_leaves_anothers_lock_and_record_alone() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    let other = machine.clone();
    machine.shared.during.replace(Some(Box::new(move || {
        // Its process is stopped; another finds its lock stale, and logs in; a third begins to.
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
fn a_new_token_is_fetched_whatever_is_held() {
    for machine in [Machine::new(), Machine::with_file()] {
        let store = machine.instance();
        let held = store.refresh(None).done().unwrap();
        assert_ne!(store.refresh(None).done().unwrap(), held);
        assert_eq!(machine.logins(), 2);
    }
}

/// Calls of fresh instances, or of `shared` where there is no file, every second for a while.
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
fn wrong_credentials_are_three_logins_however_many_call() {
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
fn a_rejection_says_what_was_said_until_when_and_what_to_do() {
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
fn a_corrected_password_is_tried_at_once_and_the_wrong_one_stays_rejected() {
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
fn a_person_may_try_once_more_and_no_loop_makes_more_of_it() {
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
fn an_outage_of_ten_seconds_is_a_handful_of_requests() {
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
        // It is forgotten.
        machine.fails_with(Some(unavailable()));
        machine.pass(HOUR);
        store.get().done().unwrap_err();
        machine.pass(1);
        let logins = machine.logins();
        store.get().done().unwrap_err();
        assert_eq!(machine.logins(), logins + 1, "the backoff begins anew");
    }
}

#[test]
fn an_authority_that_is_back_is_asked_within_the_cap() {
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
fn a_refused_mark_survives_a_failed_refresh_and_its_instance() {
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
fn a_token_near_its_end_is_renewed_early_and_served_where_that_fails() {
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
fn a_token_near_its_end_is_served_while_another_renews_it() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 200);
    machine.lock();
    assert_eq!(machine.get(), Ok(old));
    assert_eq!((machine.logins(), machine.shared.millis.get()), (1, 1000 * (HOUR - 200)));
}

#[test]
fn a_given_token_serves_until_it_is_refused_and_then_never_again() {
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
fn a_token_that_is_newly_set_comes_before_the_files_and_a_refreshed_one_before_it() {
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
fn two_given_tokens_that_are_over_are_no_login_a_call() {
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
fn a_disk_that_cannot_be_written_makes_no_storm_and_forgets_no_rejection() {
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
fn a_try_that_cannot_be_counted_is_not_made_with_rejected_credentials() {
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
fn whatever_runs_out_when_no_lock_stays_behind_and_no_call_waits() {
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
fn what_is_no_regular_file_is_named_and_costs_no_time() {
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
fn a_kept_token_that_no_login_gives_is_replaced_by_one_login() {
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
fn absurd_times_in_the_file_neither_panic_nor_stick() {
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
fn peeking_contacts_no_one() {
    let machine = Machine::with_file();
    assert_eq!(machine.instance().peek(), None);
    let kept = machine.get().unwrap();
    assert_eq!(machine.instance().peek(), Some(kept));
    assert_eq!(machine.logins(), 1);
}

#[test]
fn a_clock_set_back_buys_no_try_and_does_not_stick() {
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
fn a_clock_that_jumps_to_and_fro_neither_storms_nor_sticks() {
    let hours = |turn: u64| (100 + 5 * (turn % 2)) * HOUR;
    let machine = Machine::with_file();
    for turn in 0..50 {
        machine.set_clock(hours(turn));
        machine.get().unwrap();
    }
    assert_eq!(machine.logins(), 2, "one for either time");
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
fn a_refused_token_is_served_by_no_instance_though_no_login_may_replace_it() {
    let machine = Machine::with_file();
    let token = machine.get().unwrap();
    machine.fails_with(Some(rejected()));
    machine.refresh(None).unwrap_err();
    machine.refresh(Some(token.generation)).unwrap_err();
    machine.get().unwrap_err();
    assert_eq!(machine.logins(), 2);
}

#[test]
fn two_clients_on_one_account_are_told_and_spaced() {
    let machine = Machine::with_file();
    let mut stale = machine.get().unwrap().generation;
    for _ in 0..3 {
        stale = machine.refresh(Some(stale)).unwrap().generation;
    }
    assert!(machine.shared.millis.get() >= 5000, "logins were not spaced");
    assert_eq!(machine.warnings(), [CONTESTED]);
}

#[test]
fn of_all_who_meet_somebody_elses_login_one_says_so_and_none_sends_in_vain() {
    let machine = Machine::with_file();
    let first = machine.get().unwrap().generation;
    let second = machine.refresh(Some(first)).unwrap().generation;
    // While one waits for its login, which is spaced, others meet the same refusal, and the lock.
    let other = machine.clone();
    let meets = move || {
        let sent = other.instance();
        assert!(matches!(sent.ask_get(), Next::Login(_)), "a refused token");
        for _ in 0..10 {
            assert!(matches!(other.instance().ask_refresh(Some(second)), Next::Login(_)));
        }
    };
    machine.shared.meanwhile.replace(Some(Box::new(meets)));
    machine.refresh(Some(second)).unwrap();
    assert_eq!(machine.logins(), 3);
    assert_eq!(machine.warnings(), [CONTESTED]);
}

#[test]
fn a_flapping_authority_is_asked_every_thirty_seconds_by_all_instances_together() {
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
fn a_login_that_was_stopped_is_made_again_at_once_and_then_spaced() {
    let machine = Machine::with_file();
    let is_stopped = |machine: &Machine| {
        let store = machine.instance();
        let file = machine.file.clone().unwrap();
        let Locking::Held(lock) = file.lock(machine.now()) else { panic!() };
        store.catch_up();
        if let Standing::Login(_) = store.standing(Want::Good, Asker::Call, true) {
            store.known.with(|known| known.record.state.attempt(machine.now(), Asker::Call));
            assert!(store.save(Some(&lock)));
            return true;
        }
        false
    };
    assert!(is_stopped(&machine) && is_stopped(&machine));
    assert!(!is_stopped(&machine), "a third at once");
    let Err(TokenError::Unavailable(why)) = machine.get() else { panic!() };
    assert!(why.contains("stopped before the answer came"), "{why}");
    machine.pass(60);
    machine.get().unwrap();
    assert_eq!(machine.logins(), 1);
}
