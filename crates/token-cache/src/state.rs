//! What is held, and what to do about it now.

use core::time::Duration;

use crate::lifetime::Lifetime;

/// How long refused credentials are not tried again.
const DENIED: Duration = Duration::from_secs(5);
/// How long a failed attempt is not repeated while the held token is good.
const HOLD_OFF: Duration = Duration::from_secs(30);
/// How far apart logins are while somebody else ends the tokens.
const SPACING: Duration = Duration::from_secs(5);
/// By how many milliseconds more, less one: as many as the token's own number says, which no two clients share.
/// In step one of them would end each token of the other before it was of use.
const JITTER: u64 = 1_000;
/// A token refused younger than this was refused fresh. Who spaces its logins ends the other's tokens at that
/// pace, and a login and a call pass before that is met: were this no longer, the other would not be told.
const FRESH: Duration = Duration::from_secs(2 * SPACING.as_secs());
/// How many fresh tokens refused in a row mean that somebody else ends them.
const ROW: u8 = 2;

/// How far ahead of this clock another's may be before what it says is not believed.
pub const SKEW: Duration = Duration::from_secs(5);

/// What an operator is told once a state [`is contested`](State::is_contested).
pub const CONTESTED: &str = "the platform refuses tokens that are only seconds old: something else \
     logs in with this account and ends them; logins are now at least 5 s apart";

/// What is known of the token, `T`, and of the attempts to get one, which may have been denied with
/// an `E`. Every time is on one monotonic clock; a state that is kept between processes is on the wall
/// clock, and [`State::recall`] makes good for what that one does.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct State<T, E> {
    held: Option<Held<T>>,
    /// The generation that the platform has refused.
    refused: Option<u64>,
    /// The last attempt, until it succeeds.
    attempted_at: Option<Duration>,
    /// The last login, whether it succeeded or not.
    last_login_at: Option<Duration>,
    denied: Option<(E, Duration)>,
    /// How many tokens in a row were refused fresh.
    refused_fresh: u8,
}

#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
pub enum Decision<'a, T, E> {
    /// Use this token.
    Valid(&'a T),
    /// Use this token, and get a new one meanwhile.
    RefreshSoon(&'a T),
    /// There is no token to use; get one.
    MustRefresh {
        /// How long to wait before that: not zero while somebody else ends the tokens.
        wait: Duration,
    },
    /// There is no token to use, and the credentials were refused just now: this is the answer.
    Denied(&'a E),
}

impl<T, E> Default for State<T, E> {
    fn default() -> Self {
        Self {
            held: None,
            refused: None,
            attempted_at: None,
            last_login_at: None,
            denied: None,
            refused_fresh: 0,
        }
    }
}

impl<T, E> State<T, E> {
    /// What to do when a token is wanted.
    pub fn decide(&self, now: Duration) -> Decision<'_, T, E> {
        match &self.held {
            Some(held) if self.refused != Some(held.generation) && now < held.must_at => {
                if now >= held.soon_at && !within(self.attempted_at, HOLD_OFF, now) {
                    Decision::RefreshSoon(&held.token)
                } else {
                    Decision::Valid(&held.token)
                }
            }
            _ => self.decide_anew(now),
        }
    }

    /// What to do when a new token is wanted, whatever is held.
    pub fn decide_anew(&self, now: Duration) -> Decision<'_, T, E> {
        if let Some((error, at)) = &self.denied
            && within(Some(*at), DENIED, now)
        {
            return Decision::Denied(error);
        }
        let spaced_until = self.last_login_at.filter(|_| self.is_contested()).map(|at| {
            let jitter = self.generation().unwrap_or_default() % JITTER;
            at + SPACING + Duration::from_millis(jitter)
        });
        Decision::MustRefresh { wait: spaced_until.unwrap_or_default().saturating_sub(now) }
    }

    /// Takes up a state that was kept. What it says of the future was written before a clock was set
    /// back: an attempt or a denial is forgotten, lest it held off for hours, and a token is taken as
    /// issued now, since only the platform declares it dead.
    pub fn recall(&mut self, now: Duration) {
        let ahead = |at: Duration| at > now.saturating_add(SKEW);
        self.attempted_at = self.attempted_at.filter(|at| !ahead(*at));
        self.last_login_at = self.last_login_at.filter(|at| !ahead(*at));
        self.denied = self.denied.take().filter(|(_, at)| !ahead(*at));
        if let Some(held) = &mut self.held
            && let Some(issued_at) = held.issued_at.filter(|at| ahead(*at))
        {
            let ahead = issued_at.saturating_sub(now);
            held.issued_at = Some(now);
            held.soon_at = held.soon_at.saturating_sub(ahead);
            held.must_at = held.must_at.saturating_sub(ahead);
        }
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

    /// The authority is about to be asked. Said before it is, so that an attempt that never ends
    /// counts too.
    pub fn attempt(&mut self, now: Duration) {
        self.attempted_at = Some(now);
        self.last_login_at = Some(now);
    }

    /// The authority gave a token.
    pub fn received(&mut self, token: T, generation: u64, lifetime: Lifetime, now: Duration) {
        // A token that was not refused ends the row.
        if self.held.is_some() && self.generation() != self.refused {
            self.refused_fresh = 0;
        }
        self.hold(token, generation, lifetime, now, Some(now));
        self.attempted_at = None;
        self.denied = None;
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

    /// The attempt came to nothing.
    pub fn failed(&mut self, now: Duration) {
        self.attempted_at = Some(now);
    }

    /// The attempt came to nothing because the authority refused the credentials.
    pub fn denied(&mut self, error: E, now: Duration) {
        self.failed(now);
        self.denied = Some((error, now));
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
        let is_fresh = within(held.issued_at, FRESH, now);
        self.refused_fresh = if is_fresh { self.refused_fresh.saturating_add(1) } else { 0 };
        self.refused = Some(generation);
    }
}

fn within(at: Option<Duration>, span: Duration, now: Duration) -> bool {
    at.is_some_and(|at| now.saturating_sub(at) < span)
}
