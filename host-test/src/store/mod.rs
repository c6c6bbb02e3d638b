//! The reference host's token store: one login however many instances ask.
//!
//! `oge-token-cache` decides; this holds its state, runs the one login as a task of its own, and lets
//! everyone who needs it wait for it. A caller that goes away ends nothing.

mod authority;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use oge_oauth::{Given, Issued};
use oge_token_cache::{CONTESTED, Decision, Lifetime, SKEWED, State, generation};
use oge_tools::token::{Token, TokenError};

use crate::guest_log::LogSink;
use crate::runtime::{Instant, Mutex, MutexGuard, sleep, spawn, timeout, wall_clock};

pub use authority::Authority;

/// For one login, whoever waits for it.
const LOGIN_LIMIT: Duration = Duration::from_secs(30);

/// The token of one account, shared by every instance of a host. Clones share it.
#[derive(Clone)]
pub struct NativeStore(Arc<Inner>);

struct Inner {
    authority: Box<dyn Authority>,
    warn: LogSink,
    /// Where the monotonic clock of `state` starts.
    started: Instant,
    held: Mutex<Held>,
}

struct Held {
    state: State<Token, TokenError>,
    /// The login under way.
    flight: Option<Flight>,
    /// Whether the skew of the clocks has been told.
    skew_told: bool,
}

type Flight = Shared<BoxFuture<'static, Result<Token, TokenError>>>;

/// What a caller gets: an answer, or a login to wait for.
enum Next {
    Answer(Result<Token, TokenError>),
    Wait(Flight),
}

impl NativeStore {
    /// A store that logs in with `authority`, and starts with the token `given` where there is one.
    #[must_use]
    pub fn new(authority: impl Authority, given: Option<Given>, warn: LogSink) -> Self {
        let mut state = State::default();
        let wall = wall_clock();
        if let Some(given) = given {
            let expires_at = given.expires_at(authority.can_log_in());
            let lifetime = Lifetime::of_kept(expires_at, wall.as_secs());
            let generation = generation(None, wall);
            let token = Token { authorization: given.authorization, generation };
            state.found(token, generation, lifetime, Duration::ZERO);
        }
        Self(Arc::new(Inner {
            authority: Box::new(authority),
            warn,
            started: Instant::now(),
            held: Mutex::new(Held { state, flight: None, skew_told: false }),
        }))
    }

    /// The token to use now.
    ///
    /// # Errors
    /// Where there is none and none can be had.
    pub async fn get(&self) -> Result<Token, TokenError> {
        let next = self.0.next(|state, now| state.decide(now));
        next.answer().await
    }

    /// The held token, whatever its state. Contacts no one.
    #[must_use]
    pub fn peek(&self) -> Option<Token> {
        self.0.lock().state.held().cloned()
    }

    /// A token other than generation `stale`; with none, a new one whatever is held.
    ///
    /// # Errors
    /// Where none can be had.
    pub async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        let next = match stale {
            Some(stale) => {
                self.0.refused(stale);
                self.0.next(|state, now| state.decide(now))
            }
            None => match self.0.under_way() {
                Some(flight) => Next::Wait(flight),
                None => self.0.next(|state, now| state.decide_anew(now)),
            },
        };
        next.answer().await
    }
}

impl Next {
    async fn answer(self) -> Result<Token, TokenError> {
        match self {
            Self::Answer(answer) => answer,
            Self::Wait(flight) => flight.await,
        }
    }
}

impl Inner {
    fn next(
        self: &Arc<Self>,
        decide: impl FnOnce(&State<Token, TokenError>, Duration) -> Decision<'_, Token, TokenError>,
    ) -> Next {
        let now = self.started.elapsed();
        let mut held = self.lock();
        match decide(&held.state, now) {
            Decision::Valid(token) => Next::Answer(Ok(token.clone())),
            Decision::Denied(error) => Next::Answer(Err(error.clone())),
            Decision::RefreshSoon(token) => {
                let token = token.clone();
                // In the background: nobody waits for it here.
                drop(self.fly(&mut held, now, Duration::ZERO));
                Next::Answer(Ok(token))
            }
            Decision::MustRefresh { wait } => Next::Wait(self.fly(&mut held, now, wait)),
        }
    }

    /// The login under way, started where there is none.
    fn fly(self: &Arc<Self>, held: &mut Held, now: Duration, wait: Duration) -> Flight {
        if let Some(flight) = &held.flight {
            return flight.clone();
        }
        held.state.attempt(now + wait);
        let mut login = Login { store: Arc::clone(self), has_landed: false };
        let task = spawn(async move {
            sleep(wait).await;
            login.run().await
        });
        let flight = async move {
            let broken_off = |_| Err(TokenError::Unavailable("the login broke off".to_owned()));
            task.await.unwrap_or_else(broken_off)
        };
        held.flight.insert(flight.boxed().shared()).clone()
    }

    /// Takes a login's outcome in: the flight ends and the state changes at one moment.
    fn landed(&self, issued: Result<Issued, TokenError>) -> Result<Token, TokenError> {
        let now = self.started.elapsed();
        let mut held = self.lock();
        held.flight = None;
        let issued = match issued {
            Ok(issued) => issued,
            Err(error) => {
                match &error {
                    TokenError::Rejected(_) => held.state.denied(error.clone(), now),
                    _ => held.state.failed(now),
                }
                return Err(error);
            }
        };
        let wall = wall_clock();
        let Issued { authorization, expires_in, claims } = issued;
        let lifetime =
            Lifetime::of_new(expires_in, claims.issued_at, claims.expires_at, wall.as_secs());
        let generation = generation(held.state.generation(), wall);
        let token = Token { authorization, generation };
        held.state.received(token.clone(), generation, lifetime, now);
        let tell_skew = lifetime.is_skewed && !std::mem::replace(&mut held.skew_told, true);
        drop(held);
        if tell_skew {
            (self.warn)(SKEWED);
        }
        Ok(token)
    }

    /// A login ended without an outcome.
    fn broke_off(&self) {
        let now = self.started.elapsed();
        let mut held = self.lock();
        held.flight = None;
        held.state.failed(now);
    }

    fn refused(&self, stale: u64) {
        let now = self.started.elapsed();
        let mut held = self.lock();
        let before = held.state.is_contested();
        held.state.refused(stale, now);
        let contested = held.state.is_contested();
        drop(held);
        if contested && !before {
            (self.warn)(CONTESTED);
        }
    }

    fn under_way(&self) -> Option<Flight> {
        self.lock().flight.clone()
    }

    /// The lock is never held while anything waits, and nothing under it can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A login under way. Dropped before it has landed (it panicked, or its runtime ended) it ends the
/// flight all the same, lest somebody later took the wreck for a login to wait for.
struct Login {
    store: Arc<Inner>,
    has_landed: bool,
}

impl Login {
    async fn run(&mut self) -> Result<Token, TokenError> {
        let issued = timeout(LOGIN_LIMIT, self.store.authority.login()).await;
        self.has_landed = true;
        self.store.landed(issued.unwrap_or_else(|_| {
            let why = format!("no token within {} s", LOGIN_LIMIT.as_secs());
            Err(TokenError::Unavailable(why))
        }))
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        if !self.has_landed {
            self.store.broke_off();
        }
    }
}
