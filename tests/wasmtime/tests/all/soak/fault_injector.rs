//! Injects random faults: a fault on a tool's route, or a revoked token, sometimes with a failing login.
//! Injects one fault at a time and waits until callers have met it, so that it can be counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use oge_mock_platform::{ExpiredForm, Fault, Mock, Outcome, Route};
use tokio::time::{Instant, sleep};

/// The routes of the two tools that are called.
pub const TOOLS: [Route; 2] = [Route::AddTaskRecord, Route::GetState];

/// A run has more answered calls than this.
pub const ENOUGH_ANSWERS: usize = 100;

/// Returns the number of requests on the tools' routes with this outcome.
pub fn met(mock: &Mock, outcome: Outcome) -> usize {
    TOOLS.iter().map(|route| mock.count_of(*route, outcome)).sum()
}

/// The number of injected faults.
#[derive(Default)]
pub struct InjectedFaults {
    /// Faults on the tools' routes, by the failure kind that each causes.
    pub faults: BTreeMap<&'static str, usize>,
    /// Delayed but complete responses, on the tools' routes and the login's.
    pub delays: usize,
    /// Valid tokens that were revoked.
    pub deaths: usize,
    /// Logins that failed.
    pub login_faults: usize,
}

pub struct FaultInjector {
    mock: Arc<Mock>,
    rng: Rng,
    done: InjectedFaults,
    /// Whether the mock reports expired tokens with the status 401.
    is_status: bool,
}

impl FaultInjector {
    pub fn new(mock: Arc<Mock>, rng: Rng) -> Self {
        Self { mock, rng, done: InjectedFaults::default(), is_status: false }
    }

    /// Goes on until `ends_at`, and longer until the run has had a fault and enough answers: the pauses after
    /// failing logins can fill a short run.
    pub async fn go_on_until(mut self, ends_at: Instant) -> InjectedFaults {
        self.until(|mock, _| mock.count_of(Route::Token, Outcome::Accepted) == 1).await;
        self.end_a_token().await;
        while Instant::now() < ends_at || !self.has_had_enough() {
            // Some tokens live for less than the 10 s within which a rejection indicates contention.
            match self.rng.u8(..14) {
                0 => self.end_a_token().await,
                _ => self.inject().await,
            }
            sleep(Duration::from_millis(self.rng.u64(..600))).await;
        }
        self.done
    }

    fn has_had_enough(&self) -> bool {
        !self.done.faults.is_empty() && met(&self.mock, Outcome::Accepted) > ENOUGH_ANSWERS
    }

    /// Injects a fault into the next few requests of one tool.
    async fn inject(&mut self) {
        let (fault, kind) = self.fault();
        let times = if fault == Fault::Hang { 1 } else { self.rng.usize(1..=4) };
        let route = TOOLS[self.rng.usize(..TOOLS.len())];
        self.mock.fail_times(route, times, fault);
        let Some(kind) = kind else {
            self.done.delays += times;
            return;
        };
        *self.done.faults.entry(kind).or_default() += times;
        let injected: usize = self.done.faults.values().sum();
        self.until(|mock, _| met(mock, Outcome::Fault) == injected).await;
    }

    /// Returns a fault and the failure kind that it causes; `None` for a delay.
    ///
    /// A fault in the body may hit a rejection. A 401 with a cut body is still a rejection and fails no call,
    /// so bodies are cut only while the mock reports expired tokens in the body.
    fn fault(&mut self) -> (Fault, Option<&'static str>) {
        let roll = self.rng.u8(..12);
        match roll {
            0 => (Fault::Hang, Some("timeout")),
            1..3 => (Fault::Cut, Some("network")),
            3 if !self.is_status => (Fault::CutBody, Some("network")),
            4 if !self.is_status => (Fault::LongLength, Some("network")),
            3..7 => (Fault::Status(*self.one_of(&[500, 502, 503])), Some("api")),
            7..9 => (Fault::Code(500), Some("api")),
            _ => (Fault::Delay(Duration::from_millis(self.rng.u64(1..500))), None),
        }
    }

    /// Revokes the current token, at once or after a few calls, and waits for a new one. So each revoked token
    /// is used at least once after that.
    async fn end_a_token(&mut self) {
        self.is_status = self.rng.bool();
        self.mock.expired_form(match self.is_status {
            true => ExpiredForm::Status401,
            false => ExpiredForm::Code40003,
        });
        match self.rng.u8(..8) {
            0..2 => {
                let faults = [Fault::Cut, Fault::Status(500), Fault::Status(502), Fault::NotJson];
                let (fault, times) = (self.one_of(&faults).clone(), self.rng.usize(1..=2));
                self.mock.fail_times(Route::Token, times, fault);
                self.done.login_faults += times;
            }
            2 => {
                let delay = Fault::Delay(Duration::from_millis(self.rng.u64(1..1500)));
                self.mock.fail_times(Route::Token, 1, delay);
                self.done.delays += 1;
            }
            _ => {}
        }
        match self.rng.bool() {
            true => self.mock.revoke_tokens(),
            false => self.mock.expire_after(self.rng.usize(..50)),
        }
        self.done.deaths += 1;
        self.until(|mock, done| mock.count_of(Route::Token, Outcome::Accepted) > done.deaths).await;
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        self.rng.choice(choices).expect("there are some")
    }

    /// Waits until the callers have caused a condition. The test's time limit bounds the wait.
    async fn until(&self, met: impl Fn(&Mock, &InjectedFaults) -> bool) {
        while !met(&self.mock, &self.done) {
            sleep(Duration::from_millis(2)).await;
        }
    }
}
