//! Two who log in with one account, at a platform where each login ends the other's token.

extern crate std;

use core::time::Duration;
use std::vec::Vec;

use crate::{Asker, Decision, Lifetime, State};

const MINUTE: Duration = Duration::from_secs(60);
const MIN_LOGIN_INTERVAL: Duration = Duration::from_secs(5);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How fast one of them is.
#[derive(Clone, Copy, Debug)]
struct Pace {
    login: Duration,
    request: Duration,
    /// From one call to the next.
    pause: Duration,
}

/// One of them, who calls again and again under the call rule.
struct Rival {
    pace: Pace,
    state: State<u64>,
    at: Duration,
    next: Next,
    is_retry: bool,
    logins: Vec<Duration>,
    told: usize,
    /// Calls that went well, and those that did not.
    good: usize,
    failed: usize,
}

/// What one of them does next.
enum Next {
    Ask,
    /// What a login gave.
    Receive,
    /// What the platform says to a request.
    Hear,
}

impl Rival {
    fn starting(at: Duration, pace: Pace) -> Self {
        let (state, logins, next) = (State::default(), Vec::new(), Next::Ask);
        Self { pace, state, at, next, is_retry: false, logins, told: 0, good: 0, failed: 0 }
    }

    /// `good` is the one token that the platform accepts.
    fn go_on(&mut self, good: &mut u64) {
        match self.next {
            Next::Ask => match self.state.decide(self.at) {
                Decision::Valid(_) | Decision::RefreshSoon(_) => self.send(),
                Decision::MustRefresh { wait } => {
                    self.at += wait;
                    self.state.attempt(self.at, Asker::Call);
                    self.logins.push(self.at);
                    self.at += self.pace.login;
                    self.next = Next::Receive;
                }
                Decision::Blocked(block) => unreachable!("{block:?}"),
            },
            Next::Receive => {
                // A number as it comes of a clock that counts microseconds.
                *good += 7_919;
                self.state.received(*good, *good, Lifetime::of_seconds(3600), self.at);
                self.send();
            }
            Next::Hear => {
                let sent = self.state.generation().expect("a token was sent");
                if sent == *good || self.is_retry {
                    self.good += usize::from(sent == *good);
                    self.failed += usize::from(sent != *good);
                    self.is_retry = false;
                    self.at += self.pace.pause;
                } else {
                    self.refused(sent);
                    self.is_retry = true;
                }
                self.next = Next::Ask;
            }
        }
    }

    fn send(&mut self) {
        self.at += self.pace.request;
        self.next = Next::Hear;
    }

    fn refused(&mut self, generation: u64) {
        let before = self.state.is_contested();
        self.state.refused(generation, self.at);
        self.told += usize::from(self.state.is_contested() && !before);
    }

    /// How often a login followed another sooner than it may.
    fn storms(&self) -> usize {
        self.logins.windows(2).filter(|pair| pair[1] - pair[0] < MIN_LOGIN_INTERVAL).count()
    }
}

/// Whoever is next goes on, for ten minutes.
fn play(mut one: Rival, mut other: Rival) -> [Rival; 2] {
    let mut good = 0;
    while one.at.min(other.at) < 10 * MINUTE {
        let next = if one.at <= other.at { &mut one } else { &mut other };
        next.go_on(&mut good);
    }
    [one, other]
}

/// Plays the two, and holds each of them to the rules.
fn assert_told_and_spaced(one: Pace, other: Pace, late: Duration) {
    for rival in play(Rival::starting(Duration::ZERO, one), Rival::starting(late, other)) {
        let (told, storms) = (rival.told, rival.storms());
        assert_eq!(told, 1, "{:?} of {one:?} and {other:?}, {late:?} late", rival.pace);
        // What it took to find out.
        assert!(storms <= 1, "{storms} logins too soon: {one:?} and {other:?}, {late:?} late");
        let (good, failed) = (rival.good, rival.failed);
        assert!(
            good > 3 * failed,
            "{good} good, {failed} not: {one:?} and {other:?}, {late:?} late"
        );
    }
}

#[test]
fn both_are_told_once_and_neither_storms_or_starves() {
    const PAUSES: [u64; 4] = [9, 400, 1_100, 3_000];
    for (login, request) in [(1, 1), (20, 20), (300, 40), (20, 700), (1_000, 300)] {
        let pace =
            |pause| Pace { login: millis(login), request: millis(request), pause: millis(pause) };
        for (one, other) in PAUSES.iter().flat_map(|one| PAUSES.map(|other| (*one, other))) {
            for late in [0, 7, 1_300, 61_000] {
                assert_told_and_spaced(pace(one), pace(other), millis(late));
            }
        }
    }
}
