//! The world of one call: platform, authority, clock and token file, which do as is chosen, and which no
//! rule may be broken before.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use oge_oauth::Issued;
use oge_token_store::outside::Outside;
use oge_token_store::record::Record;
use oge_token_store::store::Store;
use oge_tools::call::{Clock, SendError, Sender};
use oge_tools::jwt::Claims;
use oge_tools::reply::Reply;
use oge_tools::request::Request;
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError, Tokens};

use super::choices::Choices;
use super::{LIFE, State};
use crate::answers::Answer;

/// What the authority does with a login.
#[derive(Clone, Copy, PartialEq)]
enum Login {
    Issues,
    Refuses,
    CannotBeReached,
}

const LOGINS: [Login; 3] = [Login::Issues, Login::Refuses, Login::CannotBeReached];

/// One call's world.
pub(super) struct World {
    pub(super) choices: Rc<Choices>,
    pub(super) state: RefCell<State>,
    /// What was sent, when, and what came back.
    pub(super) sent: RefCell<Vec<(Request, String, Answer)>>,
    pub(super) logins: Cell<u32>,
    pub(super) is_in_flight: Cell<bool>,
    pub(super) paused: Cell<u64>,
}

#[derive(Clone)]
pub(super) struct Here(pub(super) Rc<World>);

impl World {
    fn now(&self) -> u64 {
        self.state.borrow().now
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.state.borrow_mut().now += seconds;
    }

    /// A login begins: no rule forbids it now.
    fn assert_may_log_in(&self) {
        let State { now, past, .. } = &*self.state.borrow();
        let since = |at: u64| now - at;
        if let Some(denied_at) = past.denied_at {
            assert!(since(denied_at) >= 5, "refused credentials were tried again");
        }
        let is_good = past.issued_at.is_some_and(|at| since(at) < LIFE - 30);
        if is_good && past.refused_at.is_none() {
            assert!(past.issued_at.is_some_and(|at| since(at) >= LIFE - 300), "nobody needs it");
            if let Some((_, false, ended_at)) = past.login {
                assert!(since(ended_at) >= 30, "a failed login was not held off");
            }
        }
        if past.refused_fresh >= 2 {
            let (began_at, ..) = past.login.expect("a token came of a login");
            assert!(since(began_at) >= 5, "logins are not spaced");
            assert!(past.told, "nobody is told that somebody else logs in");
        }
    }
}

impl Outside for Here {
    type Turn = ();
    type Lock = ();

    fn now(&self) -> Duration {
        Duration::from_secs(self.0.now())
    }

    fn load(&self) -> Option<Record> {
        Record::read(self.0.state.borrow().file.as_deref()?)
    }

    fn save(&self, record: &Record) {
        self.0.state.borrow_mut().file = Some(record.to_bytes());
    }

    async fn turn(&self) {}

    fn try_turn(&self) -> Option<()> {
        Some(())
    }

    fn lock(&self) -> Option<()> {
        Some(())
    }

    async fn pause(&self, time: Duration) {
        self.0.pass(time.as_secs());
        self.0.paused.set(self.0.paused.get() + time.as_secs());
    }

    async fn login(&self, _limit: Duration) -> Result<Issued, TokenError> {
        let world = &self.0;
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
                if state.past.refused_at.is_none() {
                    (state.past.refused_fresh, state.past.told) = (0, false);
                }
                state.past.issued_at = Some(now);
                (state.past.refused_at, state.past.denied_at) = (None, None);
                state.tokens += 1;
                let authorization = Secret::new(format!("Bearer {}", state.tokens));
                Ok(Issued { authorization, expires_in: Some(LIFE), claims: Claims::default() })
            }
            Login::Refuses => {
                state.past.denied_at = Some(now);
                Err(TokenError::Rejected("no".to_owned()))
            }
            Login::CannotBeReached => Err(TokenError::Unavailable("down".to_owned())),
        }
    }

    fn warn(&self, what: &str) {
        assert!(what.contains("something else logs in"), "{what}");
        let past = &mut self.0.state.borrow_mut().past;
        assert!(past.refused_fresh >= 2, "nobody else logs in");
        assert!(!std::mem::replace(&mut past.told, true), "it is told again");
    }
}

/// A fresh instance of the store for each call, as a host makes them.
pub(super) struct Instance {
    pub(super) store: Store,
    pub(super) here: Here,
}

impl Tokens for Instance {
    async fn get(&self) -> Result<Token, TokenError> {
        self.store.get(&self.here).await
    }

    async fn peek(&self) -> Option<Token> {
        self.store.peek(&self.here)
    }

    async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        {
            let mut state = self.here.0.state.borrow_mut();
            let now = state.now;
            let past = &mut state.past;
            if past.refused_at.is_none() {
                if past.issued_at.is_some_and(|at| now - at < 10) {
                    past.refused_fresh += 1;
                } else {
                    (past.refused_fresh, past.told) = (0, false);
                }
                past.refused_at = Some(now);
            }
        }
        self.store.refresh(stale, &self.here).await
    }
}

impl Sender for Here {
    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Reply, SendError> {
        let world = &self.0;
        let token = authorization.expect("the store's token").expose().to_owned();
        {
            let state = world.state.borrow();
            assert_eq!(token, format!("Bearer {}", state.tokens), "an old token was sent");
            assert_eq!(state.past.refused_at, None, "a refused token was sent");
            let issued_at = state.past.issued_at.expect("a token came of a login");
            assert!(state.now - issued_at < LIFE - 30, "a token past its end was sent");
        }
        let answer = world.choices.choose(&Answer::ALL);
        world.sent.borrow_mut().push((request.clone(), token, answer));
        if answer == Answer::Hangs {
            world.pass(request.timeout.as_secs());
        }
        answer.reply(request.timeout)
    }
}

impl Clock for Here {
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.now())
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(self.0.now())
    }
}
