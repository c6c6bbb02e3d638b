//! Two clients with one account, at a platform where each login ends the other client's token.

extern crate std;

use core::time::Duration;
use std::format;
use std::vec::Vec;

use crate::{Decision, Lifetime, Requester, State};

const MINUTE: Duration = Duration::from_secs(60);
const MIN_LOGIN_INTERVAL: Duration = Duration::from_secs(5);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The times of a client.
#[derive(Clone, Copy, Debug)]
struct Pace {
    login: Duration,
    request: Duration,
    /// The time between two calls.
    pause: Duration,
}

/// A client that calls again and again under the call rule.
struct TestClient {
    pace: Pace,
    state: State<u64>,
    at: Duration,
    next: Next,
    is_retry: bool,
    logins: Vec<Duration>,
    /// How often contention was detected.
    contentions: usize,
    /// Successful and failed calls.
    good: usize,
    failed: usize,
}

/// What a client does next.
enum Next {
    GetToken,
    /// Receives the outcome of a login.
    FinishLogin,
    /// Receives the response to a request.
    ReadResponse,
}

impl TestClient {
    fn new(at: Duration, pace: Pace) -> Self {
        let (state, logins, next) = (State::default(), Vec::new(), Next::GetToken);
        Self { pace, state, at, next, is_retry: false, logins, contentions: 0, good: 0, failed: 0 }
    }

    /// Does one step. `good` is the only token that the platform accepts.
    fn step(&mut self, good: &mut u64) {
        match self.next {
            Next::GetToken => match self.state.decide(self.at) {
                Decision::Valid(_) | Decision::RefreshSoon(_) => self.send(),
                Decision::MustRefresh { wait } => {
                    self.at += wait;
                    self.state.attempt(self.at, Requester::Call);
                    self.logins.push(self.at);
                    self.at += self.pace.login;
                    self.next = Next::FinishLogin;
                }
                Decision::Blocked(block) => unreachable!("{block:?}"),
            },
            Next::FinishLogin => {
                // Generations of a clock in microseconds also differ by large odd numbers.
                *good += 7_919;
                self.state.received(*good, *good, Lifetime::of_seconds(3600), self.at);
                self.send();
            }
            Next::ReadResponse => {
                let sent = self.state.generation().expect("a token was sent");
                if sent == *good || self.is_retry {
                    self.good += usize::from(sent == *good);
                    self.failed += usize::from(sent != *good);
                    self.is_retry = false;
                    self.at += self.pace.pause;
                } else {
                    self.reject(sent);
                    self.is_retry = true;
                }
                self.next = Next::GetToken;
            }
        }
    }

    fn send(&mut self) {
        self.at += self.pace.request;
        self.next = Next::ReadResponse;
    }

    fn reject(&mut self, generation: u64) {
        let before = self.state.has_contention();
        self.state.refused(generation, self.at);
        self.contentions += usize::from(self.state.has_contention() && !before);
    }

    /// Returns how many logins followed another one before the interval.
    fn early_logins(&self) -> usize {
        self.logins.windows(2).filter(|pair| pair[1] - pair[0] < MIN_LOGIN_INTERVAL).count()
    }
}

/// Runs two clients for ten minutes.
fn run(mut one: TestClient, mut other: TestClient) -> [TestClient; 2] {
    let mut good = 0;
    while one.at.min(other.at) < 10 * MINUTE {
        let next = if one.at <= other.at { &mut one } else { &mut other };
        next.step(&mut good);
    }
    [one, other]
}

/// Runs two clients, the second one with a delay, and checks the rules for both.
fn assert_contention_is_handled(one: Pace, other: Pace, delay: Duration) {
    for client in run(TestClient::new(Duration::ZERO, one), TestClient::new(delay, other)) {
        let TestClient { pace, contentions, good, failed, .. } = client;
        let clients = format!("{pace:?} of {one:?} and {other:?}, delay {delay:?}");
        assert_eq!(contentions, 1, "{clients}");
        // One early login is made before contention is detected.
        let early = client.early_logins();
        assert!(early <= 1, "{early} early logins: {clients}");
        assert!(good > 3 * failed, "{good} successful calls, {failed} failed: {clients}");
    }
}

#[test]
fn two_clients_detect_contention_once_and_most_calls_succeed() {
    const PAUSES: [u64; 4] = [9, 400, 1_100, 3_000];
    for (login, request) in [(1, 1), (20, 20), (300, 40), (20, 700), (1_000, 300)] {
        let pace =
            |pause| Pace { login: millis(login), request: millis(request), pause: millis(pause) };
        for (one, other) in PAUSES.iter().flat_map(|one| PAUSES.map(|other| (*one, other))) {
            for delay in [0, 7, 1_300, 61_000] {
                assert_contention_is_handled(pace(one), pace(other), millis(delay));
            }
        }
    }
}
