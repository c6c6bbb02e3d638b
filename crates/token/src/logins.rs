//! What is known of the logins that gave no token, and when the next one may be made.
//!
//! The platform locks an account after a few logins with a wrong password. So tries are counted and not
//! only timed: a clock that jumps, or two processes in turn, cannot buy another one.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::timing::{
    BACKOFF, MAX_BACKOFF, MAX_CLOCK_SKEW, MAX_REJECTED_LOGINS, MAX_UNAVAILABLE, REJECTION_BACKOFF,
};

/// How many credentials are remembered that the authority rejected.
const MAX_REJECTIONS: usize = 8;
/// How many more tries the authority has to allow for one more login.
const MIN_TRIES_LEFT: u32 = 3;
/// The longest reason that is kept.
const MAX_WHY_BYTES: usize = 2048;

/// On whose behalf a token is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A call's.
    Call,
    /// A person's, who asks for a login and may know that an account was unlocked.
    Person,
}

/// Why no login is made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Which rule forbids it.
    pub cause: Cause,
    /// What the authority answered last.
    pub why: &'a str,
    /// How long until the next login; `None` if a call never makes one with these credentials.
    pub left: Option<Duration>,
    /// On whose behalf it was asked.
    pub asker: Asker,
}

/// Which rule forbids a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The authority rejected the credentials.
    Rejected,
    /// The authority failed in a way that may be a rejection.
    Failed,
    /// The authority is down, or its responses are unusable.
    Unavailable,
    /// Logins were begun and did not end: their processes were stopped.
    Unfinished,
}

/// The logins since the last one that gave a token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Logins {
    /// Names the credentials of this process; the same for equal credentials.
    #[serde(skip)]
    credentials: u16,
    /// The credentials that gave the last token.
    accepted: Option<u16>,
    /// Logins in a row that were begun and whose outcome nobody wrote down, one under way included.
    begun: u8,
    /// When the last login was begun, or failed. `None` after one that gave a token.
    last_at: Option<Duration>,
    /// Logins that a person asked for, and the last of them.
    asked: u8,
    asked_at: Option<Duration>,
    is_asked: bool,
    rejections: Vec<Rejection>,
    outage: Option<Outage>,
}

/// What the authority thinks of certain credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rejection {
    credentials: u16,
    tries: u8,
    at: Duration,
    cause: Cause,
    /// Whether the authority said that few tries are left.
    is_last: bool,
    why: String,
}

/// An authority that gave no usable response.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Outage {
    failures: u32,
    until: Duration,
    why: String,
}

impl Logins {
    /// Sets the credentials that this process logs in with.
    pub fn log_in_as(&mut self, credentials: u16) {
        self.credentials = credentials;
    }

    /// The last login that was begun or failed since the last token.
    pub(crate) const fn last_at(&self) -> Option<Duration> {
        self.last_at
    }

    /// Whether the authority has rejected these credentials and no later login gave a token.
    #[must_use]
    pub fn has_rejection(&self) -> bool {
        self.rejection().is_some()
    }

    fn rejection(&self) -> Option<&Rejection> {
        self.rejections.iter().find(|rejection| rejection.credentials == self.credentials)
    }

    /// What forbids a login now. Only the holder of the lock knows that no login is under way, and so
    /// that one that was begun did not end.
    #[must_use]
    pub fn block(&self, asker: Asker, holds_lock: bool, now: Duration) -> Option<Block<'_>> {
        if let Some(outage) = self.outage.as_ref().filter(|outage| now < outage.until) {
            let left = Some(outage.until.saturating_sub(now));
            return Some(Block { cause: Cause::Unavailable, why: &outage.why, left, asker });
        }
        let begun = if holds_lock { self.begun } else { 0 };
        let begun_at = self.last_at.filter(|_| begun > 0);
        let (tries, at, cause, why, is_last) = match self.rejection() {
            Some(Rejection { tries, at, cause, is_last, why, .. }) => {
                let at = begun_at.map_or(*at, |begun_at| begun_at.max(*at));
                (tries.saturating_add(begun), at, *cause, why.as_str(), *is_last)
            }
            // The outcome is unknown. One is forgiven; more look like a password that is tried again and
            // again, unless it is known to be good.
            None => {
                let begun = begun.saturating_sub(1);
                let is_good = self.accepted == Some(self.credentials);
                let tries = if is_good { begun.min(1) } else { begun };
                (tries, begun_at?, Cause::Unfinished, "", false)
            }
        };
        let wait =
            REJECTION_BACKOFF.get(usize::from(tries.min(MAX_REJECTED_LOGINS)).checked_sub(1)?)?;
        let is_over = cause == Cause::Rejected && (is_last || tries >= MAX_REJECTED_LOGINS);
        let until = match asker {
            Asker::Call if is_over => return Some(Block { cause, why, left: None, asker }),
            Asker::Call => at.saturating_add(*wait),
            Asker::Person => {
                let wait = REJECTION_BACKOFF.get(usize::from(self.asked.min(2)).checked_sub(1)?)?;
                self.asked_at?.saturating_add(*wait)
            }
        };
        let left = until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(Block { cause, why, left: Some(left), asker })
    }

    /// A login is about to be made.
    pub(crate) fn attempt(&mut self, asker: Asker, now: Duration) {
        self.begun = self.begun.saturating_add(1);
        self.last_at = Some(now);
        self.is_asked = asker == Asker::Person;
        if self.is_asked {
            self.asked = self.asked.saturating_add(1);
            self.asked_at = Some(now);
        }
    }

    /// The login gave a token. Other credentials that were rejected stay so.
    pub(crate) fn succeeded(&mut self) {
        let credentials = self.credentials;
        let mut rejections = core::mem::take(&mut self.rejections);
        rejections.retain(|rejection| rejection.credentials != credentials);
        *self = Self { credentials, rejections, accepted: Some(credentials), ..Self::default() };
    }

    /// The authority rejected the credentials; `tries_left` is what it said of further tries.
    pub(crate) fn rejected(&mut self, why: String, tries_left: Option<u32>, now: Duration) {
        let is_last = tries_left.map(|left| left < MIN_TRIES_LEFT);
        self.judged(Cause::Rejected, why, is_last, now);
    }

    /// The authority failed in a way that may be a rejection.
    pub(crate) fn failed(&mut self, why: String, now: Duration) {
        self.judged(Cause::Failed, why, None, now);
    }

    fn judged(&mut self, cause: Cause, why: String, is_last: Option<bool>, now: Duration) {
        self.ended(now);
        self.outage = None;
        let credentials = self.credentials;
        let before = self.rejections.iter().position(|known| known.credentials == credentials);
        let before = before.map(|index| self.rejections.remove(index));
        if self.rejections.len() >= MAX_REJECTIONS {
            self.rejections.remove(0);
        }
        let tries = before.as_ref().map_or(0, |before| before.tries).saturating_add(1);
        // What was said of few tries holds until something else is said.
        let is_last = is_last.or(before.map(|before| before.is_last)).unwrap_or_default();
        let why = cut(why);
        self.rejections.push(Rejection { credentials, tries, at: now, cause, is_last, why });
    }

    /// The authority gave no usable response. If no call needed the token (`is_needless`), the backoff does
    /// not grow: the first call that needs one asks at once.
    pub(crate) fn unavailable(
        &mut self,
        why: String,
        retry_after: Option<Duration>,
        is_needless: bool,
        now: Duration,
    ) {
        self.ended(now);
        if self.is_asked {
            // It judged nobody.
            self.asked = self.asked.saturating_sub(1);
        }
        let failures = self.outage.as_ref().map_or(0, |outage| outage.failures);
        let failures = if is_needless { 1 } else { failures.saturating_add(1) };
        let wait = backoff(failures, now).max(retry_after.unwrap_or_default()).min(MAX_UNAVAILABLE);
        self.outage = Some(Outage { failures, until: now.saturating_add(wait), why: cut(why) });
    }

    /// A login ended without an outcome, such as for a setting that is missing.
    pub(crate) fn ended(&mut self, now: Duration) {
        self.begun = 0;
        self.last_at = Some(now);
    }

    /// Mends what was kept: a time that lies ahead was written by another clock. A rejection counts
    /// from now, and an outage is over. Returns whether a time had to be mended.
    pub(crate) fn recall(&mut self, now: Duration) -> bool {
        let limit = now.saturating_add(MAX_CLOCK_SKEW);
        let mut is_mended = false;
        let mut not_ahead = |at: &mut Duration| {
            if *at > limit {
                *at = now;
                is_mended = true;
            }
        };
        self.last_at.iter_mut().for_each(&mut not_ahead);
        self.asked_at.iter_mut().for_each(&mut not_ahead);
        self.rejections.truncate(MAX_REJECTIONS);
        for rejection in &mut self.rejections {
            not_ahead(&mut rejection.at);
            rejection.why = cut(core::mem::take(&mut rejection.why));
        }
        if let Some(outage) = &mut self.outage {
            if outage.until > limit.saturating_add(MAX_UNAVAILABLE) {
                outage.until = now;
            }
            outage.why = cut(core::mem::take(&mut outage.why));
        }
        is_mended
    }
}

/// The backoff after so many failures in a row, with up to a quarter less as jitter. The jitter comes
/// from the moment of the failure, which no two clients share.
fn backoff(failures: u32, now: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF);
    let seed = u32::try_from(now.as_micros() % u128::from(u32::MAX)).unwrap_or_default();
    // Knuth's multiplicative hash; its upper ten bits.
    let jitter = (seed ^ failures).wrapping_mul(2_654_435_761) >> 22;
    wait - wait * jitter / (4 * 1024)
}

fn cut(mut why: String) -> String {
    why.truncate(why.floor_char_boundary(MAX_WHY_BYTES));
    why
}
