//! The failed logins since the last token, and when the next login may be made.
//!
//! The platform locks an account after a few logins with a wrong password. So logins are counted, not only
//! timed: neither a clock that jumps nor several processes allow one more.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::timing::{
    BACKOFF, MAX_BACKOFF, MAX_CLOCK_SKEW, MAX_REJECTED_LOGINS, MAX_UNAVAILABLE, REJECTION_BACKOFF,
    jittered,
};

/// How many rejected credentials are remembered.
const MAX_REJECTIONS: usize = 8;
/// Calls make no more logins if the authority allows fewer tries than this.
const MIN_TRIES_LEFT: u32 = 3;
/// The longest reason that is stored.
const MAX_WHY_BYTES: usize = 2048;

/// For whom a token is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester {
    /// A call of a tool.
    Call,
    /// A person who asks for a login and may know that the account was unlocked.
    Person,
}

/// Why no login is made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The rule that forbids it.
    pub cause: Cause,
    /// The reason of the last failed login.
    pub why: &'a str,
    /// The time until the next login. `None` if calls make no more logins with these credentials.
    pub left: Option<Duration>,
    /// For whom the login was requested.
    pub requester: Requester,
}

/// The rule that forbids a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The authority rejected the credentials.
    Rejected,
    /// The authority failed in a way that may be a rejection.
    Failed,
    /// The authority is down, or its responses are unusable.
    Unavailable,
    /// Logins were begun and did not end, because their processes were killed.
    Unfinished,
}

/// The logins since the last one that returned a token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LoginHistory {
    /// A digest of this process's credentials.
    #[serde(skip)]
    credentials: u16,
    /// The digest of the credentials that returned the last token.
    accepted: Option<u16>,
    /// Logins in a row without a recorded outcome, including one in flight.
    begun: u8,
    /// When the last login was begun or failed. `None` after a login that returned a token.
    last_at: Option<Duration>,
    /// The number of logins that a person asked for, and the time of the last one.
    asked: u8,
    asked_at: Option<Duration>,
    is_asked: bool,
    rejections: Vec<Rejection>,
    outage: Option<Outage>,
}

/// The rejected logins with certain credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rejection {
    credentials: u16,
    tries: u8,
    at: Duration,
    cause: Cause,
    /// Whether fewer than [`MIN_TRIES_LEFT`] tries are left.
    is_last: bool,
    why: String,
}

/// A period in which the authority returned no usable response.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Outage {
    failures: u32,
    until: Duration,
    why: String,
}

impl LoginHistory {
    /// Sets the digest of the credentials that this process logs in with.
    pub fn set_credentials(&mut self, credentials: u16) {
        self.credentials = credentials;
    }

    /// Returns when the last login since the last token was begun or failed.
    pub(crate) const fn last_at(&self) -> Option<Duration> {
        self.last_at
    }

    /// Returns whether the authority has rejected these credentials and no later login returned a token.
    #[must_use]
    pub fn has_rejection(&self) -> bool {
        self.rejection().is_some()
    }

    fn rejection(&self) -> Option<&Rejection> {
        self.rejections.iter().find(|rejection| rejection.credentials == self.credentials)
    }

    /// Returns what forbids a login now. With `holds_lock`, no login is in flight, so logins without an outcome
    /// were interrupted and are counted.
    #[must_use]
    pub fn block(
        &self,
        requester: Requester,
        holds_lock: bool,
        now: Duration,
    ) -> Option<Block<'_>> {
        if let Some(outage) = self.outage.as_ref().filter(|outage| now < outage.until) {
            let left = Some(outage.until.saturating_sub(now));
            return Some(Block { cause: Cause::Unavailable, why: &outage.why, left, requester });
        }
        let begun = if holds_lock { self.begun } else { 0 };
        let begun_at = self.last_at.filter(|_| begun > 0);
        let (tries, at, cause, why, is_last) = match self.rejection() {
            Some(Rejection { tries, at, cause, is_last, why, .. }) => {
                let at = begun_at.map_or(*at, |begun_at| begun_at.max(*at));
                (tries.saturating_add(begun), at, *cause, why.as_str(), *is_last)
            }
            // The outcomes are unknown. The first one is ignored. More of them may be rejections, unless these
            // credentials are known to be good.
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
        let until = match requester {
            Requester::Call if is_over => return Some(Block { cause, why, left: None, requester }),
            Requester::Call => at.saturating_add(*wait),
            Requester::Person => {
                let wait = REJECTION_BACKOFF.get(usize::from(self.asked.min(2)).checked_sub(1)?)?;
                self.asked_at?.saturating_add(*wait)
            }
        };
        let left = until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(Block { cause, why, left: Some(left), requester })
    }

    /// Records that a login is about to be made.
    pub(crate) fn attempt(&mut self, requester: Requester, now: Duration) {
        self.begun = self.begun.saturating_add(1);
        self.last_at = Some(now);
        self.is_asked = requester == Requester::Person;
        if self.is_asked {
            self.asked = self.asked.saturating_add(1);
            self.asked_at = Some(now);
        }
    }

    /// Records that the login returned a token. Rejections of other credentials are kept.
    pub(crate) fn succeeded(&mut self) {
        let credentials = self.credentials;
        let mut rejections = core::mem::take(&mut self.rejections);
        rejections.retain(|rejection| rejection.credentials != credentials);
        *self = Self { credentials, rejections, accepted: Some(credentials), ..Self::default() };
    }

    /// Records that the authority rejected the credentials. `tries_left` is how many more tries it allows.
    pub(crate) fn rejected(&mut self, why: String, tries_left: Option<u32>, now: Duration) {
        let is_last = tries_left.map(|left| left < MIN_TRIES_LEFT);
        self.add_rejection(Cause::Rejected, why, is_last, now);
    }

    /// Records that the authority failed in a way that may be a rejection.
    pub(crate) fn failed(&mut self, why: String, now: Duration) {
        self.add_rejection(Cause::Failed, why, None, now);
    }

    fn add_rejection(&mut self, cause: Cause, why: String, is_last: Option<bool>, now: Duration) {
        self.ended(now);
        self.outage = None;
        let credentials = self.credentials;
        let before = self.rejections.iter().position(|known| known.credentials == credentials);
        let before = before.map(|index| self.rejections.remove(index));
        if self.rejections.len() >= MAX_REJECTIONS {
            self.rejections.remove(0);
        }
        let tries = before.as_ref().map_or(0, |before| before.tries).saturating_add(1);
        // If this response does not state how many tries are left, the last statement still holds.
        let is_last = is_last.or(before.map(|before| before.is_last)).unwrap_or_default();
        let why = cut(why);
        self.rejections.push(Rejection { credentials, tries, at: now, cause, is_last, why });
    }

    /// Records that the authority returned no usable response. If the held token is still good (`is_needless`),
    /// the backoff does not grow, so that a call that needs a token waits only the first backoff.
    pub(crate) fn unavailable(
        &mut self,
        why: String,
        retry_after: Option<Duration>,
        is_needless: bool,
        now: Duration,
    ) {
        self.ended(now);
        if self.is_asked {
            // The authority did not reject the credentials, so the person's login does not count.
            self.asked = self.asked.saturating_sub(1);
        }
        let failures = self.outage.as_ref().map_or(0, |outage| outage.failures);
        let failures = if is_needless { 1 } else { failures.saturating_add(1) };
        let wait = backoff(failures, now).max(retry_after.unwrap_or_default()).min(MAX_UNAVAILABLE);
        self.outage = Some(Outage { failures, until: now.saturating_add(wait), why: cut(why) });
    }

    /// Records that a login ended without an outcome, for example because a setting is missing.
    pub(crate) fn ended(&mut self, now: Duration) {
        self.begun = 0;
        self.last_at = Some(now);
    }

    /// Corrects times in the future, which another clock wrote: a rejection counts from now, and an outage is
    /// over. Returns whether a time other than an outage's was corrected.
    pub(crate) fn correct_clock(&mut self, now: Duration) -> bool {
        let limit = now.saturating_add(MAX_CLOCK_SKEW);
        let mut is_corrected = false;
        let mut not_ahead = |at: &mut Duration| {
            if *at > limit {
                *at = now;
                is_corrected = true;
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
        is_corrected
    }
}

/// Returns the backoff after so many failures in a row, less up to a quarter as jitter. The jitter is derived
/// from the time of the failure, which differs between clients.
fn backoff(failures: u32, now: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF);
    let seed = u32::try_from(now.as_micros() % u128::from(u32::MAX)).unwrap_or_default();
    jittered(wait, 4, seed ^ failures)
}

fn cut(mut why: String) -> String {
    why.truncate(why.floor_char_boundary(MAX_WHY_BYTES));
    why
}
