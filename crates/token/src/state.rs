//! What is held, and what to do about it now.

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lifetime::Lifetime;
use crate::logins::{Asker, Block, Logins};
use crate::timing::{
    EARLY_RETRY_INTERVAL, FRESH_WINDOW, MAX_CLOCK_SKEW, MIN_LOGIN_INTERVAL,
    MIN_LOGIN_INTERVAL_JITTER, REFRESH_AHEAD_TIMEOUT,
};

/// How many fresh tokens refused in a row mean that another client ends them.
const ROW: u8 = 2;

/// What an operator is told once a state [`is contested`](State::is_contested).
pub const CONTESTED: &str = "the platform refuses tokens that are only seconds old: something else \
     logs in with this account and ends them; logins are now at least 5 s apart";

/// What is known of the token `T`, and of the logins to get one. Every time is on one clock; a state
/// that is kept between processes is on the wall clock, and [`State::recall`] mends what that one does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State<T> {
    held: Option<Held<T>>,
    /// The generation that the platform has refused.
    refused: Option<u64>,
    /// The last login, whether it succeeded or not.
    last_login_at: Option<Duration>,
    /// How many tokens in a row were refused fresh.
    refused_fresh: u8,
    /// The logins since the last token.
    pub logins: Logins,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held<T> {
    token: T,
    generation: u64,
    /// When it was issued; none for one that was kept somewhere, whose age nobody knows.
    issued_at: Option<Duration>,
    soon_at: Duration,
    must_at: Duration,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a, T> {
    /// Use this token.
    Valid(&'a T),
    /// Use this token, and get a new one meanwhile.
    RefreshSoon(&'a T),
    /// There is no token to use; log in.
    MustRefresh {
        /// How long to wait before that: not zero while another client ends the tokens.
        wait: Duration,
    },
    /// There is no token to use, and no login may be made.
    Blocked(Block<'a>),
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            held: None,
            refused: None,
            last_login_at: None,
            refused_fresh: 0,
            logins: Logins::default(),
        }
    }
}

impl<T> State<T> {
    /// Decides what to do when a call wants a token.
    pub fn decide(&self, now: Duration) -> Decision<'_, T> {
        self.decide_for(Asker::Call, false, now)
    }

    /// Decides what to do when a token is wanted.
    pub fn decide_for(&self, asker: Asker, holds_lock: bool, now: Duration) -> Decision<'_, T> {
        match self.good(now) {
            Some(held) => {
                // A caller may wait for it, and must not be left with a token past its end.
                let is_due = now >= held.soon_at
                    && now.saturating_add(REFRESH_AHEAD_TIMEOUT) < held.must_at
                    && !within(self.logins.last_at(), EARLY_RETRY_INTERVAL, now)
                    && self.logins.block(Asker::Call, holds_lock, now).is_none();
                if is_due {
                    Decision::RefreshSoon(&held.token)
                } else {
                    Decision::Valid(&held.token)
                }
            }
            None => self.decide_anew(asker, holds_lock, now),
        }
    }

    /// The held token, if it can be used.
    fn good(&self, now: Duration) -> Option<&Held<T>> {
        let held = self.held.as_ref()?;
        (self.refused != Some(held.generation) && now < held.must_at).then_some(held)
    }

    /// Decides what to do when a new token is wanted, whatever is held.
    pub fn decide_anew(&self, asker: Asker, holds_lock: bool, now: Duration) -> Decision<'_, T> {
        if let Some(block) = self.logins.block(asker, holds_lock, now) {
            return Decision::Blocked(block);
        }
        let spaced_until = self.last_login_at.filter(|_| self.is_contested()).map(|at| {
            let jitter = self.generation().unwrap_or_default() % MIN_LOGIN_INTERVAL_JITTER;
            at.saturating_add(MIN_LOGIN_INTERVAL + Duration::from_millis(jitter))
        });
        Decision::MustRefresh { wait: spaced_until.unwrap_or_default().saturating_sub(now) }
    }

    /// Takes up a state that was kept. A time that lies ahead was written by another clock, or before
    /// this one was set back: it counts as now, and a token counts as issued now, since only the
    /// platform declares it dead. Returns whether a time that forbids a login was mended.
    pub fn recall(&mut self, now: Duration) -> bool {
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
        self.logins.recall(now)
    }

    pub(crate) fn held_mut(&mut self) -> Option<&mut T> {
        self.held.as_mut().map(|held| &mut held.token)
    }

    /// Forgets the held token.
    pub(crate) fn drop_held(&mut self) {
        self.held = None;
    }

    /// The held token, whatever its state.
    pub fn held(&self) -> Option<&T> {
        self.held.as_ref().map(|held| &held.token)
    }

    /// The generation of the held token.
    pub fn generation(&self) -> Option<u64> {
        self.held.as_ref().map(|held| held.generation)
    }

    /// Whether the platform has refused the held token.
    pub fn is_refused(&self) -> bool {
        self.held.is_some() && self.generation() == self.refused
    }

    /// Whether somebody else seems to log in with the same account: fresh tokens were refused.
    pub fn is_contested(&self) -> bool {
        self.refused_fresh >= ROW
    }

    /// A login is about to be made. Recorded before it is, so that one that never ends counts too.
    pub fn attempt(&mut self, now: Duration, asker: Asker) {
        self.last_login_at = Some(now);
        self.logins.attempt(asker, now);
    }

    /// The authority gave a token.
    pub fn received(&mut self, token: T, generation: u64, lifetime: Lifetime, now: Duration) {
        // A token that was not refused ends the row.
        if self.held.is_some() && self.generation() != self.refused {
            self.refused_fresh = 0;
        }
        self.hold(token, generation, lifetime, now, Some(now));
        self.logins.succeeded();
    }

    /// A token was found that was kept somewhere. However it fares, nobody has ended a fresh one.
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

    /// The authority gave no usable response, and may ask to wait.
    pub fn unavailable(&mut self, why: String, retry_after: Option<Duration>, now: Duration) {
        let is_needless = self.good(now).is_some();
        self.logins.unavailable(why, retry_after, is_needless, now);
    }

    /// The authority rejected the credentials; `tries_left` is what it said of further tries.
    pub fn rejected(&mut self, why: String, tries_left: Option<u32>, now: Duration) {
        self.logins.rejected(why, tries_left, now);
    }

    /// The authority failed in a way that may be a rejection.
    pub fn failed(&mut self, why: String, now: Duration) {
        self.logins.failed(why, now);
    }

    /// The platform refused the token of this generation. A token that is not held any more changes
    /// nothing.
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
