//! How often an account logs in when logins fail or tokens are rejected. The tests with `Fixture` use real
//! sockets and real time; the others use a paused clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use oge_host::{Authority, NativeStore};
use oge_mock_platform::{Mock, Options, Route};
use oge_token::{Issued, LoginError};
use oge_tools::error::FailureKind;
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use oge_tools::tools::QueryTaskStatus;
use tokio::time::{Instant, sleep, timeout};

use crate::fixture::{Fixture, status_of};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The duration of each login and each call.
const LATENCY: Duration = Duration::from_millis(20);

/// An account with one session: each login ends the token before it. All logins get the same response.
#[derive(Clone)]
struct Account(Arc<Mutex<State>>);

struct State {
    answer: Result<(Option<u64>, Claims), LoginError>,
    logins: Vec<Instant>,
    issued: usize,
}

impl Account {
    fn answering(answer: Result<(Option<u64>, Claims), LoginError>) -> Self {
        Self(Arc::new(Mutex::new(State { answer, logins: Vec::new(), issued: 0 })))
    }

    /// Returns an account whose tokens are valid for an hour.
    fn good() -> Self {
        Self::answering(Ok((Some(3600), Claims::default())))
    }

    fn answer(&self, answer: Result<(Option<u64>, Claims), LoginError>) {
        self.0.lock().unwrap().answer = answer;
    }

    fn logins(&self) -> usize {
        self.0.lock().unwrap().logins.len()
    }

    /// Returns the shortest time between two logins.
    fn shortest_gap(&self) -> Duration {
        let state = self.0.lock().unwrap();
        let gaps = state.logins.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.min().unwrap_or(Duration::MAX)
    }

    /// Sends a call with this token and returns whether it is accepted.
    async fn accepts(&self, token: &Secret) -> bool {
        sleep(LATENCY).await;
        token.expose() == format!("Bearer {}", self.0.lock().unwrap().issued)
    }

    /// Returns a token store for this account, and its warnings.
    fn store(&self) -> (NativeStore, Arc<Mutex<Vec<String>>>) {
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&warnings);
        let warn = move |line: &str| lines.lock().unwrap().push(line.to_owned());
        (NativeStore::new(self.clone(), None, Arc::new(warn)), warnings)
    }
}

impl Authority for Account {
    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>> {
        async {
            self.0.lock().unwrap().logins.push(Instant::now());
            sleep(LATENCY).await;
            let mut state = self.0.lock().unwrap();
            let (expires_in, claims) = state.answer.clone()?;
            state.issued += 1;
            let authorization = Secret::new(format!("Bearer {}", state.issued));
            Ok(Issued { authorization, expires_in, claims })
        }
        .boxed()
    }
}

/// Makes a call under the call rule and returns whether it succeeded.
async fn call(store: &NativeStore, account: &Account) -> bool {
    let Ok(token) = store.get().await else { return false };
    if account.accepts(&token.authorization).await {
        return true;
    }
    match store.refresh(Some(token.generation)).await {
        Ok(token) => account.accepts(&token.authorization).await,
        Err(_) => false,
    }
}

/// Makes calls for `time` and returns how many there were and how many succeeded.
async fn calls(store: &NativeStore, account: &Account, time: Duration) -> (usize, usize) {
    let (mut all, mut good) = (0, 0);
    let _ = timeout(time, async {
        loop {
            good += usize::from(call(store, account).await);
            all += 1;
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    (all, good)
}

fn rejected() -> LoginError {
    LoginError::Rejected { why: "no".to_owned(), tries_left: None }
}

fn unavailable() -> LoginError {
    LoginError::Unavailable { why: "down".to_owned(), retry_after: None }
}

/// Runs fifty callers for `time`. A third of their requests are forced logins.
async fn ask_for(store: &NativeStore, time: Duration) {
    let ask = async |caller: u64| {
        for round in 0.. {
            let answer = match (caller + round) % 3 {
                0 => store.get().await,
                1 => store.refresh(None).await,
                _ => store.refresh(Some(round)).await,
            };
            assert!(answer.is_err(), "{answer:?}");
            sleep(Duration::from_millis(10 + caller)).await;
        }
    };
    let _ = timeout(time, join_all((0..50).map(ask))).await;
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_cause_at_most_three_logins_under_load() {
    let account = Account::answering(Err(rejected()));
    let (store, _) = account.store();
    ask_for(&store, seconds(59)).await;
    // One automatic login and one forced login.
    assert_eq!(account.logins(), 2);
    for _ in 0..1_000 {
        store.get().await.unwrap_err();
        sleep(seconds(10)).await;
    }
    assert_eq!(account.logins(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_ten_second_outage_causes_at_most_five_logins_under_load() {
    let account = Account::answering(Err(unavailable()));
    let (store, _) = account.store();
    ask_for(&store, seconds(10)).await;
    assert!((4..=5).contains(&account.logins()), "{} logins", account.logins());
    account.answer(Ok((Some(3600), Claims::default())));
    sleep(seconds(8)).await;
    assert!(call(&store, &account).await);
}

#[tokio::test(start_paused = true)]
async fn failed_renewals_of_a_valid_token_are_30_seconds_apart() {
    let account = Account::good();
    let (store, _) = account.store();
    assert!(call(&store, &account).await);
    // The token is renewed early in its last five minutes and served until its last half minute.
    sleep(seconds(3300)).await;
    let flap = async {
        loop {
            account.answer(Err(unavailable()));
            sleep(Duration::from_millis(700)).await;
        }
    };
    tokio::select! {
        () = flap => {}
        (all, good) = calls(&store, &account, seconds(260)) => assert_eq!(all, good),
    }
    assert!(account.shortest_gap() >= seconds(30), "{:?}", account.shortest_gap());
    assert_eq!(account.logins(), 1 + 9);
    // After the outage the next login renews the token. No call has failed.
    account.answer(Ok((Some(3600), Claims::default())));
    let (all, good) = calls(&store, &account, seconds(40)).await;
    assert_eq!((all, account.logins()), (good, 1 + 9 + 1));
}

#[tokio::test(start_paused = true)]
async fn a_host_clock_ahead_causes_few_logins_and_no_failed_call() {
    // By this host's clock each new token expired decades ago.
    let over = Claims { expires_at: Some(1), ..Claims::default() };
    let account = Account::answering(Ok((None, over)));
    let (store, warnings) = account.store();
    let (all, good) = calls(&store, &account, seconds(3 * 3600)).await;
    assert_eq!(all, good);
    // Such a token counts as valid for 15 minutes and is renewed after three quarters of them.
    assert!(account.logins() <= 3 * 3600 / 675 + 1, "{} logins", account.logins());
    assert_eq!(warnings.lock().unwrap().len(), 1, "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_clock_behind_logs_in_only_after_a_rejection() {
    // The token is valid for decades by this host's clock, and for a minute on the platform.
    let far = Claims { expires_at: Some(9_999_999_999), ..Claims::default() };
    let account = Account::answering(Ok((None, far)));
    let (store, warnings) = account.store();
    for minute in 1..=60 {
        let (all, good) = calls(&store, &account, seconds(60)).await;
        assert_eq!((all, account.logins()), (good, minute));
        account.0.lock().unwrap().issued += 1;
    }
    assert_eq!(*warnings.lock().unwrap(), [""; 0]);
}

/// Both hosts start at the same time and call at the same rate, so their logins could stay in step.
#[tokio::test(start_paused = true)]
async fn two_hosts_on_one_account_are_warned_and_keep_working() {
    const MINUTES: u64 = 10;
    let account = Account::good();
    let ((one, warnings_one), (other, warnings_other)) = (account.store(), account.store());
    let time = seconds(60 * MINUTES);
    let ((all_one, good_one), (all_other, good_other)) =
        tokio::join!(calls(&one, &account, time), calls(&other, &account, time));
    println!(
        "{} logins in {MINUTES} min; {good_one} of {all_one} and {good_other} of {all_other} calls",
        account.logins()
    );
    // Each host logs in every five seconds, plus the logins until both detect the contention.
    assert!(account.logins() <= 2 * (12 * MINUTES as usize + 4), "{} logins", account.logins());
    for (warnings, all, good) in
        [(warnings_one, all_one, good_one), (warnings_other, all_other, good_other)]
    {
        let warnings = warnings.lock().unwrap();
        let warned = !warnings.is_empty() && warnings[0].contains("something else logs in");
        assert!(warned, "{warnings:?}");
        assert!(good > 12 * MINUTES as usize / 2 && 2 * good > all, "{good} of {all} calls");
    }
}

/// Calls from 16 tasks for `time` and returns the last result of each.
async fn load(fixture: &Arc<Fixture>, time: Duration) -> Vec<Result<String, FailureKind>> {
    let ask = |_| {
        let fixture = Arc::clone(fixture);
        tokio::spawn(async move {
            let until = Instant::now() + time;
            loop {
                let answer = fixture.ask().await.map_err(|failure| failure.kind);
                if Instant::now() > until {
                    return answer;
                }
                sleep(Duration::from_millis(20)).await;
            }
        })
    };
    join_all((0..16).map(ask)).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_under_load_cause_one_login() {
    let mine = |builder: oge_host::HostBuilder| builder.settings([("OGE_TOKEN_PASSWORD", "wrong")]);
    let fixture = Arc::new(Fixture::with(Options::default(), mine).await);
    let results = load(&fixture, seconds(3)).await;
    assert!(results.iter().all(|result| *result == Err(FailureKind::TokenStore)), "{results:?}");
    assert_eq!(fixture.mock.count(Route::Token), 1);
}

/// When one host spaces its logins, the other's tokens live for five seconds, so they still count as fresh.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_on_one_account_log_in_rarely_and_warn_once() {
    let mock = Mock::start(Options::default().single_session(true)).await.unwrap();
    let other_log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&other_log);
    let other_host = oge_host::Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
        .settings(mock.settings())
        .log(move |line| lines.lock().unwrap().push(line.to_owned()))
        .build()
        .unwrap();
    let other_host = tokio::spawn(async move {
        loop {
            let _ = other_host.run::<QueryTaskStatus>(&status_of("d")).await;
            sleep(Duration::from_millis(20)).await;
        }
    });
    let fixture = Arc::new(Fixture::on(mock, |builder| builder));
    load(&fixture, seconds(11)).await;
    other_host.abort();
    let logins = fixture.mock.count(Route::Token);
    println!("{logins} logins in 11 s");
    // Each host logs in every five seconds, plus the logins until both detect the contention.
    assert!((4..=12).contains(&logins), "{logins} logins");
    for log in [fixture.log(), other_log.lock().unwrap().clone()] {
        let warnings_of_contention =
            log.iter().filter(|line| line.contains("something else logs in"));
        assert_eq!(warnings_of_contention.count(), 1, "of {} lines", log.len());
    }
}
