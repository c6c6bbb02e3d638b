//! One login for all callers: logins behind a gate, on tokio's paused clock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use oge_token::timing::LOGIN_TIMEOUT;
use oge_token::{Issued, LoginError};
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::*;

/// An authority that completes one login per permit, with the scripted results; the last one repeats.
struct Gated {
    gate: Arc<Semaphore>,
    logins: Arc<AtomicUsize>,
    script: Mutex<Vec<Result<Issued, LoginError>>>,
}

impl Authority for Gated {
    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>> {
        async {
            self.logins.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.expect("the gate is never closed").forget();
            let mut script = self.script.lock().expect("no test panics with it");
            if script.len() > 1 { script.remove(0) } else { script[0].clone() }
        }
        .boxed()
    }
}

struct Scene {
    store: NativeStore,
    gate: Arc<Semaphore>,
    logins: Arc<AtomicUsize>,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    fn new(script: Vec<Result<Issued, LoginError>>, given: Option<&str>) -> Self {
        let (gate, logins) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let authority =
            Gated { gate: gate.clone(), logins: logins.clone(), script: Mutex::new(script) };
        let log = warnings.clone();
        let warn: LogSink = Arc::new(move |line| log.lock().unwrap().push(line.to_owned()));
        let store = NativeStore::new(
            authority,
            given.map(|given| ConfiguredToken::of(Secret::new(given))),
            warn,
        );
        Self { store, gate, logins, warnings }
    }

    fn open(&self) {
        self.gate.add_permits(1000);
    }

    fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }
}

fn issued(token: &str, expires_in: u64) -> Result<Issued, LoginError> {
    Ok(Issued {
        authorization: Secret::new(token),
        expires_in: Some(expires_in),
        claims: Claims::default(),
    })
}

fn rejected() -> Result<Issued, LoginError> {
    Err(LoginError::Rejected { why: "no".to_owned(), tries_left: None })
}

fn unavailable() -> Result<Issued, LoginError> {
    Err(LoginError::Unavailable { why: "down".to_owned(), retry_after: None })
}

fn spawn_gets(
    scene: &Scene,
    count: usize,
) -> Vec<tokio::task::JoinHandle<Result<Token, TokenError>>> {
    (0..count)
        .map(|_| {
            let store = scene.store.clone();
            tokio::spawn(async move { store.get().await })
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn one_login_serves_everyone_who_waits() {
    let scene = Scene::new(vec![issued("a", 3600)], None);
    let callers = spawn_gets(&scene, 200);
    tokio::task::yield_now().await;
    scene.open();
    let tokens: Vec<_> =
        join_all(callers).await.into_iter().map(|got| got.unwrap().unwrap()).collect();
    assert_eq!(scene.logins(), 1);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[tokio::test(start_paused = true)]
async fn one_failure_is_told_to_all_who_wait_and_a_call_a_second_later_tries_again() {
    let scene = Scene::new(vec![unavailable(), issued("a", 3600)], None);
    let callers = spawn_gets(&scene, 50);
    tokio::task::yield_now().await;
    scene.open();
    for got in join_all(callers).await {
        let Err(TokenError::Unavailable(why)) = got.unwrap() else { panic!() };
        assert!(why.starts_with("down; it is not asked again for 1 s"), "{why}");
    }
    assert_eq!(scene.logins(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(scene.store.get().await.is_ok());
    assert_eq!(scene.logins(), 2);
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_are_three_logins_and_one_for_a_person() {
    let scene = Scene::new(vec![rejected()], None);
    scene.open();
    for (wait, logins) in [(0, 1), (59, 1), (1, 2), (599, 2), (1, 3), (99_999, 3)] {
        tokio::time::advance(Duration::from_secs(wait)).await;
        for got in join_all((0..20).map(|_| scene.store.get())).await {
            assert!(matches!(got, Err(TokenError::Rejected(_))), "{got:?}");
        }
        assert_eq!(scene.logins(), logins);
    }
    for _ in 0..20 {
        assert!(matches!(scene.store.refresh(None).await, Err(TokenError::Rejected(_))));
    }
    assert_eq!(scene.logins(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once_for_all_who_met_it() {
    let scene = Scene::new(vec![issued("a", 3600), issued("b", 3600)], None);
    scene.open();
    let first = scene.store.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let renewed = join_all((0..200).map(|_| scene.store.refresh(Some(first.generation)))).await;
    assert_eq!(scene.logins(), 2);
    for token in renewed {
        let token = token.unwrap();
        assert!(token.generation > first.generation);
        assert_eq!(token.authorization.expose(), "b");
    }
    // A late caller with the old generation gets the new token without a login.
    assert!(scene.store.refresh(Some(first.generation)).await.is_ok());
    assert_eq!(scene.logins(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forced_refresh_joins_the_login_under_way() {
    let scene = Scene::new(vec![issued("a", 3600)], None);
    let callers = spawn_gets(&scene, 3);
    tokio::task::yield_now().await;
    let store = scene.store.clone();
    let forced = tokio::spawn(async move { store.refresh(None).await });
    tokio::task::yield_now().await;
    scene.open();
    assert!(forced.await.unwrap().is_ok());
    join_all(callers).await;
    assert_eq!(scene.logins(), 1);
    assert!(scene.store.refresh(None).await.is_ok());
    assert_eq!(scene.logins(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_does_not_end_the_login() {
    let scene = Scene::new(vec![issued("a", 3600)], None);
    let callers = spawn_gets(&scene, 1);
    tokio::task::yield_now().await;
    callers[0].abort();
    tokio::task::yield_now().await;
    scene.open();
    assert!(scene.store.get().await.is_ok());
    assert_eq!(scene.logins(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_aging_token_serves_while_one_login_renews_it() {
    let scene = Scene::new(vec![issued("a", 3600), issued("b", 3600)], None);
    scene.gate.add_permits(1);
    scene.store.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(3400)).await;
    for _ in 0..10 {
        assert_eq!(scene.store.get().await.unwrap().authorization.expose(), "a");
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.logins(), 2);
    scene.open();
    let forced = scene.store.refresh(None).await.unwrap();
    assert_eq!((forced.authorization.expose(), scene.logins()), ("b", 2));
}

/// Issues tokens, but its second login panics.
#[derive(Default)]
struct Breaking(AtomicUsize);

impl Authority for Breaking {
    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>> {
        async {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                1 => std::panic::resume_unwind(Box::new(())),
                number => issued(&number.to_string(), 3600),
            }
        }
        .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_breaks_off_costs_nobody_a_call() {
    let store = NativeStore::new(Breaking::default(), None, Arc::new(|_| {}));
    store.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(3400)).await;
    assert_eq!(store.get().await.unwrap().authorization.expose(), "0");
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(200)).await;
    assert_eq!(store.get().await.unwrap().authorization.expose(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_flapping_authority_is_asked_every_thirty_seconds_while_the_token_is_good() {
    let scene = Scene::new(vec![issued("a", 3600), unavailable()], None);
    scene.open();
    scene.store.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(3300)).await;
    for _ in 0..60 {
        assert!(scene.store.get().await.is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.logins(), 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_hangs_ends_after_thirty_seconds() {
    let scene = Scene::new(vec![issued("a", 3600)], None);
    let before = Instant::now();
    assert!(matches!(scene.store.get().await, Err(TokenError::Unavailable(_))));
    assert_eq!(before.elapsed(), LOGIN_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn contention_keeps_logins_5_s_apart_and_is_logged_once() {
    let scene = Scene::new(vec![issued("a", 3600)], None);
    scene.open();
    let started = Instant::now();
    let mut token = scene.store.get().await.unwrap();
    for _ in 0..6 {
        token = scene.store.refresh(Some(token.generation)).await.unwrap();
    }
    assert_eq!(scene.logins(), 7);
    // 5 s apart, and up to 1 s more, so that two clients do not log in at the same time.
    assert!((5 * 5..5 * 6).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(scene.warnings.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_given_token_serves_without_a_login() {
    let scene = Scene::new(vec![issued("b", 3600)], Some("Bearer given"));
    assert_eq!(scene.store.get().await.unwrap().authorization.expose(), "Bearer given");
    assert_eq!(scene.store.peek().unwrap().authorization.expose(), "Bearer given");
    assert_eq!(scene.logins(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_given_token_past_its_end_is_renewed_before_it_is_used() {
    // {"exp":1}
    let scene = Scene::new(vec![issued("b", 3600)], Some("Bearer e30.eyJleHAiOjF9.c2ln"));
    scene.open();
    assert_eq!(scene.store.get().await.unwrap().authorization.expose(), "b");
}

#[tokio::test(start_paused = true)]
async fn peeking_contacts_no_one() {
    let scene = Scene::new(vec![issued("a", 3600)], None);
    assert_eq!(scene.store.peek(), None);
    assert_eq!(scene.logins(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_ahead_of_the_platforms_is_told_once_and_stops_nothing() {
    let past = Issued {
        authorization: Secret::new("a"),
        expires_in: None,
        claims: Claims { expires_at: Some(1), ..Claims::default() },
    };
    let scene = Scene::new(vec![Ok(past)], None);
    scene.open();
    for _ in 0..3 {
        assert!(scene.store.get().await.is_ok());
        assert!(scene.store.refresh(None).await.is_ok());
    }
    assert_eq!(scene.warnings.lock().unwrap().len(), 1);
}
