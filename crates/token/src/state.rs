//! The state of the token and the decision what to do with it.

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lifetime::Lifetime;
use crate::logins::{Block, LoginHistory, Requester};
use crate::timing::{
    EARLY_RETRY_INTERVAL, FRESH_WINDOW, MAX_CLOCK_SKEW, MIN_LOGIN_INTERVAL,
    MIN_LOGIN_INTERVAL_JITTER, REFRESH_AHEAD_TIMEOUT,
};

/// How many fresh tokens rejected in a row mean contention.
const CONTENTION_THRESHOLD: u8 = 2;

/// The warning that is logged once if a state [`is contested`](State::has_contention).
pub const CONTENTION_WARNING: &str = "the platform refuses tokens that are only seconds old: something else \
     logs in with this account and ends them; logins are now at least 5 s apart";

/// The state of the token `T` and of the logins. All times are on one clock. In a state that processes share it
/// is the wall clock, and [`State::correct_clock`] corrects its jumps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State<T> {
    held: Option<Held<T>>,
    /// The generation that the platform has rejected.
    refused: Option<u64>,
    /// The time of the last login, successful or not.
    last_login_at: Option<Duration>,
    /// How many fresh tokens in a row were rejected.
    refused_fresh: u8,
    /// The logins since the last token.
    pub logins: LoginHistory,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held<T> {
    token: T,
    generation: u64,
    /// When the token was issued. `None` if it was stored elsewhere and its age is unknown.
    issued_at: Option<Duration>,
    soon_at: Duration,
    must_at: Duration,
}

/// What to do when a token is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a, T> {
    /// Use this token.
    Valid(&'a T),
    /// Use this token, and refresh it meanwhile.
    RefreshSoon(&'a T),
    /// There is no good token. Log in.
    MustRefresh {
        /// How long to wait before the login. Zero without contention.
        wait: Duration,
    },
    /// There is no good token, and no login may be made.
    Blocked(Block<'a>),
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            held: None,
            refused: None,
            last_login_at: None,
            refused_fresh: 0,
            logins: LoginHistory::default(),
        }
    }
}

impl<T> State<T> {
    /// Decides what to do when a call needs a token.
    pub fn decide(&self, now: Duration) -> Decision<'_, T> {
        self.decide_for(Requester::Call, false, now)
    }

    /// Decides what to do when `requester` needs a token.
    pub fn decide_for(
        &self,
        requester: Requester,
        holds_lock: bool,
        now: Duration,
    ) -> Decision<'_, T> {
        match self.good(now) {
            Some(held) => {
                // A caller may wait for the refresh. If it fails, the old token must still be good.
                let is_due = now >= held.soon_at
                    && now.saturating_add(REFRESH_AHEAD_TIMEOUT) < held.must_at
                    && !within(self.logins.last_at(), EARLY_RETRY_INTERVAL, now)
                    && self.logins.block(Requester::Call, holds_lock, now).is_none();
                if is_due {
                    Decision::RefreshSoon(&held.token)
                } else {
                    Decision::Valid(&held.token)
                }
            }
            None => self.decide_new(requester, holds_lock, now),
        }
    }

    /// Returns the held token if it can be used.
    fn good(&self, now: Duration) -> Option<&Held<T>> {
        let held = self.held.as_ref()?;
        (self.refused != Some(held.generation) && now < held.must_at).then_some(held)
    }

    /// Decides what to do when a new token is needed even if the held one is good.
    pub fn decide_new(
        &self,
        requester: Requester,
        holds_lock: bool,
        now: Duration,
    ) -> Decision<'_, T> {
        if let Some(block) = self.logins.block(requester, holds_lock, now) {
            return Decision::Blocked(block);
        }
        let spaced_until = self.last_login_at.filter(|_| self.has_contention()).map(|at| {
            let jitter = self.generation().unwrap_or_default() % MIN_LOGIN_INTERVAL_JITTER;
            at.saturating_add(MIN_LOGIN_INTERVAL + Duration::from_millis(jitter))
        });
        Decision::MustRefresh { wait: spaced_until.unwrap_or_default().saturating_sub(now) }
    }

    /// Corrects times in the future in a stored state, which another clock wrote, or this one before it was set
    /// back. Such a time becomes now. A token from the future counts as issued now, because only the platform
    /// decides that it is expired. Returns whether a time that forbids a login was corrected.
    pub fn correct_clock(&mut self, now: Duration) -> bool {
        let limit = now.saturating_add(MAX_CLOCK_SKEW);
        self.last_login_at = self.last_login_at.map(|at| if at > limit { now } else { at });
        if let Some(held) = &mut self.held
            && let Some(issued_at) = held.issued_at.filter(|at| *at > limit)
        {
            let ahead = issued_at.saturating_sub(now);
            held.issued_at = Some(now);
            held.soon_at = held.soon_at.saturating_sub(ahead);
            held.must_at = held.must_at.saturating_sub(ahead);
        }
        self.logins.correct_clock(now)
    }

    pub(crate) fn held_mut(&mut self) -> Option<&mut T> {
        self.held.as_mut().map(|held| &mut held.token)
    }

    pub(crate) fn drop_held(&mut self) {
        self.held = None;
    }

    /// Returns the held token, good or not.
    pub fn held(&self) -> Option<&T> {
        self.held.as_ref().map(|held| &held.token)
    }

    /// Returns the generation of the held token.
    pub fn generation(&self) -> Option<u64> {
        self.held.as_ref().map(|held| held.generation)
    }

    /// Returns whether the platform has rejected the held token.
    pub fn is_rejected(&self) -> bool {
        self.held.is_some() && self.generation() == self.refused
    }

    /// Returns whether there is contention: another client seems to log in with the same account, because fresh
    /// tokens were rejected.
    pub fn has_contention(&self) -> bool {
        self.refused_fresh >= CONTENTION_THRESHOLD
    }

    /// Records that a login is about to be made. It is recorded before, so that one that never ends counts too.
    pub fn attempt(&mut self, now: Duration, requester: Requester) {
        self.last_login_at = Some(now);
        self.logins.attempt(requester, now);
    }

    /// Records a token that the authority issued.
    pub fn received(&mut self, token: T, generation: u64, lifetime: Lifetime, now: Duration) {
        // A token that was not rejected resets the count.
        if self.held.is_some() && self.generation() != self.refused {
            self.refused_fresh = 0;
        }
        self.hold(token, generation, lifetime, now, Some(now));
        self.logins.succeeded();
    }

    /// Records a token that was stored elsewhere. Its rejection does not count as that of a fresh token.
    pub fn found(&mut self, token: T, generation: u64, lifetime: Lifetime, now: Duration) {
        self.hold(token, generation, lifetime, now, None);
    }

    fn hold(
        &mut self,
        token: T,
        generation: u64,
        lifetime: Lifetime,
        now: Duration,
        issued_at: Option<Duration>,
    ) {
        self.held = Some(Held {
            token,
            generation,
            issued_at,
            soon_at: now.saturating_add(lifetime.soon()),
            must_at: now.saturating_add(lifetime.must()),
        });
    }

    /// Records that the authority returned no usable response. `retry_after` is how long it asks to wait.
    pub fn unavailable(&mut self, why: String, retry_after: Option<Duration>, now: Duration) {
        let is_needless = self.good(now).is_some();
        self.logins.unavailable(why, retry_after, is_needless, now);
    }

    /// Records that the authority rejected the credentials. `tries_left` is how many more tries it allows.
    pub fn rejected(&mut self, why: String, tries_left: Option<u32>, now: Duration) {
        self.logins.rejected(why, tries_left, now);
    }

    /// Records that the authority failed in a way that may be a rejection.
    pub fn failed(&mut self, why: String, now: Duration) {
        self.logins.failed(why, now);
    }

    /// Records that the platform rejected the token of this generation. Does nothing if another token is held.
    pub fn refused(&mut self, generation: u64, now: Duration) {
        let Some(held) = self.held.as_ref().filter(|held| held.generation == generation) else {
            return;
        };
        if self.refused == Some(generation) {
            return;
        }
        let is_fresh = within(held.issued_at, FRESH_WINDOW, now);
        self.refused_fresh = if is_fresh { self.refused_fresh.saturating_add(1) } else { 0 };
        self.refused = Some(generation);
    }
}

fn within(at: Option<Duration>, span: Duration, now: Duration) -> bool {
    at.is_some_and(|at| now.saturating_sub(at) < span)
}
