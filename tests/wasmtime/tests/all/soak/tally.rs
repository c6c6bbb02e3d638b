//! Counts the result of every call and compares the counts with the injected faults.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use oge_mock_platform::{Mock, Outcome, Route};

use super::CALLERS;
use super::fault_injector::{ENOUGH_ANSWERS, InjectedFaults, TOOLS, met};
use super::ways::{Failed, Right};

/// The number of wrong results that are kept for the report.
const SHOWN: usize = 10;

#[derive(Default)]
pub struct Tally {
    is_ended: AtomicBool,
    started: AtomicUsize,
    right: AtomicUsize,
    wrong: Mutex<(usize, Vec<String>)>,
    /// The number of failures by kind.
    failed: Mutex<BTreeMap<String, usize>>,
    /// The number of requests that the calls report.
    attempts: AtomicUsize,
    is_silent: AtomicBool,
    /// The number of calls that succeeded after a refresh.
    renewed: AtomicUsize,
}

impl Tally {
    /// Makes the callers stop after their current call.
    pub fn end(&self) {
        self.is_ended.store(true, Relaxed);
    }

    pub fn is_ended(&self) -> bool {
        self.is_ended.load(Relaxed)
    }

    pub fn started(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    /// Counts a result and returns the output of a successful call.
    pub fn take(&self, result: Result<Right, Failed>) -> Option<serde_json::Value> {
        match result {
            Ok((output, attempts)) => {
                self.right.fetch_add(1, Relaxed);
                self.attempts.fetch_add(attempts.unwrap_or_default(), Relaxed);
                self.is_silent.fetch_or(attempts.is_none(), Relaxed);
                self.renewed.fetch_add(usize::from(attempts == Some(2)), Relaxed);
                Some(output)
            }
            Err(Failed { kind, attempts }) => {
                self.attempts.fetch_add(attempts, Relaxed);
                *self.failed.lock().unwrap().entry(kind).or_default() += 1;
                None
            }
        }
    }

    pub fn wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap();
        wrong.0 += 1;
        if wrong.1.len() < SHOWN {
            wrong.1.push(what);
        }
    }

    pub fn print(&self, mock: &Mock, disturbed: &InjectedFaults) {
        let (expired, faults) = (met(mock, Outcome::Expired), &disturbed.faults);
        let InjectedFaults { deaths, delays, login_faults, .. } = disturbed;
        let logins = mock.count_of(Route::Token, Outcome::Accepted);
        println!("  calls         {} started, {} answered", of(&self.started), of(&self.right));
        println!("  failures      {:?}", self.failed.lock().unwrap());
        println!("  injected      {faults:?}, {delays} delays, {login_faults} failing logins");
        println!(
            "  expiries      {expired} requests met {deaths} deaths of a token; {logins} logins"
        );
        if !self.is_silent.load(Relaxed) {
            println!("  unnoticed     {} calls met an expiry and succeeded", of(&self.renewed));
        }
    }

    pub fn assert(&self, mock: &Mock, disturbed: &InjectedFaults) {
        let (wrong, shown) = &*self.wrong.lock().unwrap();
        assert_eq!(*wrong, 0, "wrong answers: {shown:#?}");
        let failed = self.failed.lock().unwrap();
        let of_kind = |kind: &str| failed.get(kind).copied().unwrap_or_default();

        // No call is lost: each ended with a result or a failure.
        let right = of(&self.right);
        assert_eq!(of(&self.started), right + failed.values().sum::<usize>(), "calls that ended");
        // Every complete response arrived, and no request was sent twice.
        assert_eq!(met(mock, Outcome::Accepted), right, "answers given and received");
        assert_eq!(met(mock, Outcome::Refused), 0, "invalid requests");
        // The reference host sends a GET once more if its kept connection ended before the response.
        let mut again = 0;
        if !self.is_silent.load(Relaxed) {
            let requests: usize = TOOLS.iter().map(|route| mock.count(*route)).sum();
            let more = requests.checked_sub(of(&self.attempts));
            again = more.expect("each request that was sent arrived");
        }

        // Each fault failed exactly one call with its kind, or was repaired by such a second GET.
        for (kind, again) in [("api", 0), ("network", again), ("timeout", 0)] {
            let injected = disturbed.faults.get(kind).copied().unwrap_or_default();
            assert_eq!(of_kind(kind) + again, injected, "calls that failed with {kind}");
        }
        // A new token that is revoked at once fails each caller that uses it once. A failed login fails the
        // callers that wait for it and each call during the backoff.
        assert!(of_kind("unauthorized") <= CALLERS * disturbed.deaths);
        assert!(of_kind("token-store") == 0 || disturbed.login_faults > 0);
        let known = ["api", "network", "timeout", "unauthorized", "token-store"];
        let unknown: Vec<_> =
            failed.keys().filter(|kind| !known.contains(&kind.as_str())).collect();
        assert!(unknown.is_empty(), "unexpected failures: {unknown:?}");

        // Exactly the first login and one for each revoked token.
        let logins = mock.count_of(Route::Token, Outcome::Accepted);
        assert_eq!(logins, 1 + disturbed.deaths, "logins that gave a token");
        let failed_logins = mock.count_of(Route::Token, Outcome::Fault);
        assert_eq!(failed_logins, disturbed.login_faults, "logins that failed");
        assert_eq!(mock.count_of(Route::Token, Outcome::Refused), 0, "logins that were refused");

        // The run had calls, revoked tokens and faults.
        assert!(right > ENOUGH_ANSWERS && disturbed.deaths > 0 && !disturbed.faults.is_empty());
    }
}

fn of(count: &AtomicUsize) -> usize {
    count.load(Relaxed)
}
