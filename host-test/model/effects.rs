//! The effects of one call: platform, authority, clock and token file act as chosen and assert every rule.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use oge_token::{
    Directory, Entry, FileError, Issued, Lock, LoginError, Store, StoreEffects, TokenFile, Write,
};
use oge_tools::client::{Clock, Transport, TransportError};
use oge_tools::jwt::Claims;
use oge_tools::request::Request;
use oge_tools::response::Response;
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError, TokenStore};
use zeroize::Zeroizing;

use super::choices::Choices;
use super::{LIFE, State};
use crate::scripted_responses::ScriptedResponse;

/// How the authority responds to a login.
#[derive(Clone, Copy, PartialEq)]
enum Login {
    Issues,
    Refuses,
    CannotBeReached,
}

const LOGINS: [Login; 3] = [Login::Issues, Login::Refuses, Login::CannotBeReached];

/// The effects and records of one call.
pub(super) struct CallEffects {
    pub(super) choices: Rc<Choices>,
    pub(super) state: RefCell<State>,
    /// Each request sent, its token, and its response.
    pub(super) sent: RefCell<Vec<(Request, String, ScriptedResponse)>>,
    pub(super) logins: Cell<u32>,
    pub(super) is_in_flight: Cell<bool>,
    pub(super) paused: Cell<u64>,
    /// The content of the lock file.
    pub(super) lock: RefCell<Option<Vec<u8>>>,
}

#[derive(Clone)]
pub(super) struct SharedEffects {
    pub(super) world: Rc<CallEffects>,
    pub(super) file: TokenFile<Disk>,
}

impl SharedEffects {
    pub(super) fn new(world: CallEffects) -> Self {
        let world = Rc::new(world);
        let file = TokenFile::new(Disk(Rc::clone(&world)), "token", "me");
        Self { world, file }
    }
}

/// The directory of the token file. No other process uses it.
#[derive(Clone)]
pub(super) struct Disk(Rc<CallEffects>);

impl Disk {
    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        match name {
            "token-me" => self.0.state.borrow().file.clone(),
            "token-me.lock" => self.0.lock.borrow().clone(),
            _ => None,
        }
    }
}

impl Directory for Disk {
    fn entry(&self, name: &str) -> Result<Entry, FileError> {
        Ok(if self.bytes(name).is_some() { Entry::File } else { Entry::Missing })
    }

    fn read(&self, name: &str, _limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        self.bytes(name).map(Zeroizing::new).ok_or(FileError::Missing)
    }

    fn write(&self, name: &str, bytes: &[u8], _how: Write) -> Result<(), FileError> {
        if name.ends_with(".lock") {
            self.0.lock.replace(Some(bytes.to_vec()));
        } else {
            self.0.state.borrow_mut().file = Some(bytes.to_vec());
        }
        Ok(())
    }

    fn rename(&self, _from: &str, _to: &str) -> Result<(), FileError> {
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), FileError> {
        assert!(name.ends_with(".lock"), "{name}");
        self.0.lock.take().map(drop).ok_or(FileError::Missing)
    }
}

impl CallEffects {
    fn now(&self) -> u64 {
        self.state.borrow().now
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.state.borrow_mut().now += seconds;
    }

    /// Asserts that the rules allow a login now.
    fn assert_may_log_in(&self) {
        let State { now, past, .. } = &*self.state.borrow();
        let since = |at: u64| now - at;
        if let Some(credentials_rejected_at) = past.credentials_rejected_at {
            let pace = [60, 600].get(past.rejections as usize - 1);
            let pace = pace.expect("rejected credentials were tried a fourth time");
            assert!(
                since(credentials_rejected_at) >= *pace,
                "rejected credentials were tried again too early"
            );
        }
        if let Some((_, false, ended_at)) = past.login.filter(|_| past.failures > 0) {
            let backoff = 1 << (past.failures - 1).min(6);
            assert!(4 * since(ended_at) >= 3 * backoff.min(60), "no backoff after a failed login");
        }
        let is_good = past.issued_at.is_some_and(|at| since(at) < LIFE - 30);
        if is_good && past.token_rejected_at.is_none() {
            assert!(
                past.issued_at.is_some_and(|at| since(at) >= LIFE - 300),
                "a login without need"
            );
            if let Some((_, false, ended_at)) = past.login {
                assert!(since(ended_at) >= 30, "no backoff after a failed renewal");
            }
        }
        if past.rejected_fresh >= 2 {
            let (began_at, ..) = past.login.expect("a token came of a login");
            assert!(since(began_at) >= 5, "logins are not spaced");
            assert!(past.warned, "no warning of contention");
        }
    }
}

impl StoreEffects for SharedEffects {
    type Shared<T> = RefCell<T>;
    type LoginLock = ();
    type Directory = Disk;
    type Transport = Infallible;

    fn now(&self) -> Duration {
        Duration::from_secs(self.world.now())
    }

    async fn lock_login(&self) {}

    fn try_lock_login(&self) -> Option<()> {
        Some(())
    }

    async fn pause(&self, time: Duration, lock: Option<&Lock<Disk>>) {
        self.world.pass(time.as_secs());
        if let Some(lock) = lock {
            lock.beat(self.now());
        }
        self.world.paused.set(self.world.paused.get() + time.as_secs());
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
        let world = &self.world;
        world.assert_may_log_in();
        assert!(!world.is_in_flight.replace(true), "two logins at a time");
        world.logins.set(world.logins.get() + 1);
        let began_at = world.now();
        let outcome = world.choices.choose(&LOGINS);
        if outcome == Login::CannotBeReached {
            world.pass(3);
        }
        world.is_in_flight.set(false);
        let mut state = world.state.borrow_mut();
        let now = state.now;
        state.past.login = Some((began_at, outcome == Login::Issues, now));
        match outcome {
            Login::Issues => {
                if state.past.token_rejected_at.is_none() {
                    (state.past.rejected_fresh, state.past.warned) = (0, false);
                }
                state.past.issued_at = Some(now);
                (state.past.token_rejected_at, state.past.credentials_rejected_at) = (None, None);
                (state.past.rejections, state.past.failures) = (0, 0);
                state.tokens += 1;
                let authorization = Secret::new(format!("Bearer {}", state.tokens));
                Ok(Issued { authorization, expires_in: Some(LIFE), claims: Claims::default() })
            }
            Login::Refuses => {
                state.past.credentials_rejected_at = Some(now);
                (state.past.rejections, state.past.failures) = (state.past.rejections + 1, 0);
                Err(LoginError::Rejected { why: "no".to_owned(), tries_left: None })
            }
            Login::CannotBeReached => {
                // A failed renewal of a valid token does not delay calls, so the backoff starts again.
                let is_good = state.past.issued_at.is_some_and(|at| now - at < LIFE - 30)
                    && state.past.token_rejected_at.is_none();
                state.past.failures = if is_good { 1 } else { state.past.failures + 1 };
                Err(LoginError::Unavailable { why: "down".to_owned(), retry_after: None })
            }
        }
    }

    fn info(&self, what: &str) {
        panic!("{what}");
    }

    fn warn(&self, what: &str) {
        assert!(what.contains("something else logs in"), "{what}");
        let past = &mut self.world.state.borrow_mut().past;
        assert!(past.rejected_fresh >= 2, "a warning without contention");
        assert!(!std::mem::replace(&mut past.warned, true), "a second warning");
    }
}

/// A new store for each call, as in a host with an instance for each call.
pub(super) struct Instance {
    pub(super) store: Store<SharedEffects>,
    pub(super) here: SharedEffects,
}

impl TokenStore for Instance {
    async fn get(&self) -> Result<Token, TokenError> {
        self.store.get().await
    }

    async fn peek(&self) -> Option<Token> {
        self.store.peek()
    }

    async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        {
            let mut state = self.here.world.state.borrow_mut();
            let now = state.now;
            let past = &mut state.past;
            if past.token_rejected_at.is_none() {
                if past.issued_at.is_some_and(|at| now - at < 10) {
                    past.rejected_fresh += 1;
                } else {
                    (past.rejected_fresh, past.warned) = (0, false);
                }
                past.token_rejected_at = Some(now);
            }
        }
        self.store.refresh(stale).await
    }
}

impl Transport for SharedEffects {
    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        let world = &self.world;
        let token = authorization.expect("the store's token").expose().to_owned();
        {
            let state = world.state.borrow();
            assert_eq!(token, format!("Bearer {}", state.tokens), "an old token was sent");
            assert_eq!(state.past.token_rejected_at, None, "a rejected token was sent");
            let issued_at = state.past.issued_at.expect("a token came of a login");
            assert!(state.now - issued_at < LIFE - 30, "a token past its end was sent");
        }
        let answer = world.choices.choose(&ScriptedResponse::ALL);
        world.sent.borrow_mut().push((request.clone(), token, answer));
        if answer == ScriptedResponse::Hangs {
            world.pass(request.timeout.as_secs());
        }
        answer.response(request.timeout)
    }
}

impl Clock for SharedEffects {
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.world.now())
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(self.world.now())
    }

    async fn sleep(&self, time: Duration) {
        self.world.pass(time.as_secs());
    }
}
