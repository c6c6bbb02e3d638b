//! The rules, played by instances that share a disk.

use core::cell::{Cell, RefCell};
use std::format;
use std::rc::Rc;
use std::string::ToString as _;
use std::vec::Vec;

use futures_util::FutureExt as _;
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;

use super::*;

const HOUR: u64 = 3600;

/// A machine: one clock, one token file, one authority.
#[derive(Clone, Default)]
struct Machine(Rc<State>);

#[derive(Default)]
struct State {
    seconds: Cell<u64>,
    file: RefCell<Option<Vec<u8>>>,
    has_file: Cell<bool>,
    is_locked: Cell<bool>,
    logins: Cell<u64>,
    limits: RefCell<Vec<Duration>>,
    answer: RefCell<Option<TokenError>>,
    /// What another does while the lock is waited for.
    meanwhile: RefCell<Option<std::boxed::Box<dyn FnOnce()>>>,
    warnings: RefCell<Vec<std::string::String>>,
}

struct Unlock(Rc<State>);

impl Drop for Unlock {
    fn drop(&mut self) {
        self.0.is_locked.set(false);
    }
}

/// A machine never makes its one task wait.
trait Done: Future + Sized {
    fn done(self) -> Self::Output {
        self.now_or_never().expect("something waited")
    }
}

impl<F: Future> Done for F {}

impl Outside for Machine {
    type Turn = ();
    type Lock = Unlock;

    fn now(&self) -> Duration {
        Duration::from_secs(1_700_000_000 + self.0.seconds.get())
    }

    fn load(&self) -> Option<Record> {
        Record::read(self.0.file.borrow().as_deref()?)
    }

    fn save(&self, record: &Record) {
        if self.0.has_file.get() {
            self.0.file.replace(Some(record.to_bytes()));
        }
    }

    async fn turn(&self) {}

    fn try_turn(&self) -> Option<()> {
        Some(())
    }

    fn lock(&self) -> Option<Unlock> {
        (!self.0.is_locked.replace(true)).then(|| Unlock(Rc::clone(&self.0)))
    }

    async fn pause(&self, time: Duration) {
        self.pass(time.as_secs().max(1));
        if let Some(meanwhile) = self.0.meanwhile.take() {
            meanwhile();
        }
    }

    async fn login(&self, limit: Duration) -> Result<Issued, TokenError> {
        self.0.logins.set(self.0.logins.get() + 1);
        self.0.limits.borrow_mut().push(limit);
        if let Some(error) = self.0.answer.borrow().clone() {
            return Err(error);
        }
        Ok(Issued {
            authorization: Secret::new(format!("Bearer token-{}", self.0.logins.get())),
            expires_in: Some(HOUR),
            claims: Claims::default(),
        })
    }

    fn warn(&self, what: &str) {
        self.0.warnings.borrow_mut().push(what.to_string());
    }
}

impl Machine {
    fn with_file() -> Self {
        let machine = Self::default();
        machine.0.has_file.set(true);
        machine
    }

    fn pass(&self, seconds: u64) {
        self.0.seconds.set(self.0.seconds.get() + seconds);
    }

    fn fails_with(&self, error: Option<TokenError>) {
        self.0.answer.replace(error);
    }

    /// A fresh instance, asked once.
    fn get(&self) -> Result<Token, TokenError> {
        Store::default().get(self).done()
    }

    fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        Store::default().refresh(stale, self).done()
    }

    fn logins(&self) -> u64 {
        self.0.logins.get()
    }
}

/// A store that starts with a token issued now.
fn starting(machine: &Machine) -> Store {
    let mut given = Given::of(Secret::new("Bearer given"));
    given.issued_at = Some(machine.now().as_secs());
    Store::starting_with(given, true, machine.now())
}

fn unavailable() -> TokenError {
    TokenError::Unavailable("no answer".to_owned())
}

#[test]
fn without_a_file_an_instance_logs_in_once() {
    let machine = Machine::default();
    let store = Store::default();
    let first = store.get(&machine).done().unwrap();
    assert_eq!(store.get(&machine).done().unwrap(), first);
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

#[test]
fn who_waits_for_the_lock_gets_what_its_holder_got() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    machine.0.is_locked.set(true);
    let holder = machine.clone();
    machine.0.meanwhile.replace(Some(std::boxed::Box::new(move || {
        holder.0.is_locked.set(false);
        holder.refresh(Some(stale)).unwrap();
        holder.0.is_locked.set(true);
    })));
    machine.refresh(Some(stale)).unwrap();
    assert_eq!(machine.logins(), 2, "one for the first token, one by the holder");
}

#[test]
fn who_waits_for_the_lock_gets_the_error_too() {
    let machine = Machine::with_file();
    machine.fails_with(Some(unavailable()));
    machine.0.is_locked.set(true);
    let holder = machine.clone();
    machine.0.meanwhile.replace(Some(std::boxed::Box::new(move || {
        holder.0.is_locked.set(false);
        holder.get().unwrap_err();
    })));
    assert_eq!(machine.get(), Err(unavailable()));
    assert_eq!(machine.logins(), 1);
    machine.get().unwrap_err();
    assert_eq!(machine.logins(), 2, "the next call tries again");
}

#[test]
fn a_lock_that_nobody_lets_go_of_is_told() {
    let machine = Machine::with_file();
    machine.0.is_locked.set(true);
    let Err(TokenError::Unavailable(why)) = machine.get() else { panic!("it got through") };
    assert!(why.contains("OGE_TOKEN_FILE"), "{why}");
    assert_eq!(machine.logins(), 0);
}

#[test]
fn a_new_token_is_fetched_whatever_is_held() {
    for machine in [Machine::default(), Machine::with_file()] {
        let store = Store::default();
        let held = store.refresh(None, &machine).done().unwrap();
        assert_ne!(store.refresh(None, &machine).done().unwrap(), held);
        assert_eq!(machine.logins(), 2);
    }
}

#[test]
fn refused_credentials_are_every_instances_answer_for_five_seconds() {
    let machine = Machine::with_file();
    machine.fails_with(Some(TokenError::Rejected("wrong".to_owned())));
    for _ in 0..20 {
        assert_eq!(machine.get(), Err(TokenError::Rejected("wrong".to_owned())));
    }
    assert_eq!(machine.logins(), 1);
    machine.pass(5);
    machine.get().unwrap_err();
    assert_eq!(machine.logins(), 2);
}

#[test]
fn a_refused_mark_survives_a_failed_refresh_and_its_instance() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    machine.fails_with(Some(unavailable()));
    machine.refresh(Some(stale)).unwrap_err();
    machine.get().unwrap_err();
    assert_eq!(machine.logins(), 3);
}

#[test]
fn a_token_near_its_end_is_renewed_early_and_served_where_that_fails() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 200);
    machine.fails_with(Some(unavailable()));
    assert_eq!(machine.get(), Ok(old.clone()));
    assert_eq!(machine.0.limits.borrow().last(), Some(&Duration::from_secs(3)));
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
    machine.0.is_locked.set(true);
    assert_eq!(machine.get(), Ok(old));
    assert_eq!(machine.logins(), 1);
}

#[test]
fn the_file_wins_over_a_given_token() {
    let machine = Machine::with_file();
    let kept = machine.get().unwrap();
    let early = starting(&machine);
    machine.pass(60);
    assert_eq!(early.get(&machine).done().unwrap(), kept);
    machine.0.file.replace(None);
    assert_eq!(
        starting(&machine).get(&machine).done().unwrap().authorization.expose(),
        "Bearer given"
    );
}

#[test]
fn a_newer_given_token_comes_before_a_refused_one_in_the_file() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    machine.fails_with(Some(unavailable()));
    machine.refresh(Some(stale)).unwrap_err();
    machine.pass(60);
    assert_eq!(
        starting(&machine).get(&machine).done().unwrap().authorization.expose(),
        "Bearer given"
    );
}

#[test]
fn a_file_that_cannot_be_written_makes_no_storm() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.0.has_file.set(false);
    machine.pass(HOUR);
    let store = Store::default();
    let token = store.get(&machine).done().unwrap();
    assert_ne!(token, old);
    assert_eq!(store.get(&machine).done().unwrap(), token);
    assert_eq!(machine.logins(), 2);
}

#[test]
fn peeking_contacts_no_one() {
    let machine = Machine::with_file();
    assert_eq!(Store::default().peek(&machine), None);
    let kept = machine.get().unwrap();
    assert_eq!(Store::default().peek(&machine), Some(kept));
    assert_eq!(machine.logins(), 1);
}

#[test]
fn a_clock_set_back_neither_storms_nor_sticks() {
    for error in
        [TokenError::Rejected("wrong".to_owned()), TokenError::Unavailable("down".to_owned())]
    {
        let machine = Machine::with_file();
        machine.pass(24 * HOUR);
        machine.fails_with(Some(error));
        machine.get().unwrap_err();
        machine.0.seconds.set(0);
        machine.fails_with(None);
        let token = machine.get().unwrap();
        for _ in 0..20 {
            assert_eq!(machine.get().unwrap(), token);
        }
        assert_eq!(machine.logins(), 2);
    }
}

#[test]
fn a_refused_token_is_served_by_no_instance_though_no_login_may_replace_it() {
    let machine = Machine::with_file();
    let token = machine.get().unwrap();
    machine.fails_with(Some(TokenError::Rejected("wrong".to_owned())));
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
    assert!(machine.0.seconds.get() >= 5, "logins were not spaced");
    assert_eq!(*machine.0.warnings.borrow(), [CONTESTED]);
}

#[test]
fn of_all_who_meet_somebody_elses_login_one_says_so_and_none_sends_in_vain() {
    let machine = Machine::with_file();
    let first = machine.get().unwrap().generation;
    let second = machine.refresh(Some(first)).unwrap().generation;
    // While one waits for its login, which is spaced, others meet the same refusal, and the lock.
    let other = machine.clone();
    let meets = move || {
        let now = other.now();
        let sent = Store::default();
        sent.catch_up(&other);
        assert!(matches!(sent.standing(Want::Good, now), Standing::Login(_)), "a refused token");
        for _ in 0..10 {
            let late = Store::default();
            late.0.borrow_mut().refused = Some(second);
            late.catch_up(&other);
            assert!(late.landed_since(now, Want::Good, &other).is_none());
        }
    };
    machine.0.meanwhile.replace(Some(std::boxed::Box::new(meets)));
    machine.refresh(Some(second)).unwrap();
    assert_eq!(machine.logins(), 3);
    assert_eq!(*machine.0.warnings.borrow(), [CONTESTED]);
}

#[test]
fn a_clock_that_jumps_to_and_fro_neither_storms_nor_sticks() {
    let hours = |turn: u64| (100 + 5 * (turn % 2)) * HOUR;
    let machine = Machine::with_file();
    for turn in 0..50 {
        machine.0.seconds.set(hours(turn));
        machine.get().unwrap();
    }
    assert_eq!(machine.logins(), 2, "one for either time");
    let machine = Machine::with_file();
    machine.fails_with(Some(TokenError::Rejected("wrong".to_owned())));
    for turn in 0..10 {
        machine.0.seconds.set(hours(turn));
        for _ in 0..20 {
            machine.get().unwrap_err();
        }
    }
    assert_eq!(machine.logins(), 10, "one for each jump, however many ask");
}

#[test]
fn a_flapping_authority_is_asked_every_thirty_seconds_by_all_instances_together() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 290);
    for second in 0..240 {
        let down = [unavailable(), TokenError::Rejected("no".to_owned())];
        machine.fails_with(down.into_iter().nth(second % 2));
        for _ in 0..5 {
            assert_eq!(machine.get().unwrap(), old);
        }
        machine.pass(1);
    }
    assert_eq!(machine.logins(), 1 + 240 / 30);
}

#[test]
fn wrong_credentials_are_tried_every_five_seconds_by_all_instances_together() {
    let machine = Machine::with_file();
    machine.fails_with(Some(TokenError::Rejected("wrong".to_owned())));
    for second in 0..60 {
        for _ in 0..10 {
            machine.get().unwrap_err();
            machine.refresh(Some(second)).unwrap_err();
            machine.refresh(None).unwrap_err();
        }
        machine.pass(1);
    }
    assert_eq!(machine.logins(), 60 / 5);
}
