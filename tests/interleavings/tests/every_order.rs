//! What holds in every order in which callers, logins and those who give up can run.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use oge_interleavings::runtime::{idle, pass};
use oge_interleavings::store::{Authority, NativeStore};
use oge_token::{ConfiguredToken, Issued, LoginError};
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError};
use shuttle::future::{block_on, spawn, yield_now};
use shuttle::scheduler::{DfsScheduler, RandomScheduler};
use shuttle::{Config, Runner};

/// How a login ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Login {
    Issues,
    Refuses,
    Fails,
    BreaksOff,
}
use Login::{BreaksOff, Fails, Issues, Refuses};

/// What the authority saw.
#[derive(Default)]
struct Seen {
    logins: AtomicUsize,
    in_flight: AtomicUsize,
}

/// An authority that answers as scripted, the last answer for ever, and never twice at a time.
struct Scripted {
    script: &'static [Login],
    seen: Arc<Seen>,
}

/// A login under way, until it ends however that is.
struct InFlight<'a>(&'a Seen);

impl<'a> InFlight<'a> {
    fn new(seen: &'a Seen) -> Self {
        assert_eq!(seen.in_flight.fetch_add(1, SeqCst), 0, "two logins at a time");
        Self(seen)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
    }
}

impl Authority for Scripted {
    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>> {
        async {
            let _in_flight = InFlight::new(&self.seen);
            let number = self.seen.logins.fetch_add(1, SeqCst);
            yield_now().await;
            match self.script[number.min(self.script.len() - 1)] {
                Issues => Ok(Issued {
                    authorization: Secret::new(format!("Bearer {number}")),
                    expires_in: Some(3600),
                    claims: Claims::default(),
                }),
                Refuses => Err(LoginError::Rejected { why: "no".to_owned(), tries_left: None }),
                Fails => {
                    Err(LoginError::Unavailable { why: "down".to_owned(), retry_after: None })
                }
                // Without the panic hook, which would end the exploration.
                BreaksOff => resume_unwind(Box::new(())),
            }
        }
        .boxed()
    }
}

/// A store, its authority's script, and what was seen and told.
struct Scene {
    store: NativeStore,
    seen: Arc<Seen>,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    fn new(script: &'static [Login]) -> Self {
        Self::starting_with(None, script)
    }

    fn starting_with(given: Option<ConfiguredToken>, script: &'static [Login]) -> Self {
        let seen = Arc::<Seen>::default();
        let warnings = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&warnings);
        let warn = Arc::new(move |line: &str| told.lock().unwrap().push(line.to_owned()));
        let store = NativeStore::new(Scripted { script, seen: Arc::clone(&seen) }, given, warn);
        Self { store, seen, warnings }
    }

    fn logins(&self) -> usize {
        self.seen.logins.load(SeqCst)
    }

    /// Whether nothing is under way, and what is held is what the next caller gets.
    async fn assert_at_rest(&self) {
        assert_eq!(self.seen.in_flight.load(SeqCst), 0);
        let (held, logins) = (self.store.peek(), self.logins());
        if let Ok(token) = self.store.get().await
            && self.logins() == logins
        {
            assert_eq!(held, Some(token));
        }
    }
}

type Got = Result<Token, TokenError>;

/// What a caller asks.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Get,
    Refresh(Option<u64>),
}

async fn ask(store: NativeStore, what: Ask) -> Got {
    match what {
        Ask::Get => store.get().await,
        Ask::Refresh(stale) => store.refresh(stale).await,
    }
}

/// All of them at once; the last in this task.
async fn ask_all(store: &NativeStore, asked: &[Ask]) -> Vec<Got> {
    let (last, others) = asked.split_last().expect("somebody asks");
    let others = others.iter().map(|what| spawn(ask(store.clone(), *what)));
    let others: Vec<_> = others.collect();
    let last = ask(store.clone(), *last).await;
    let others = join_all(others).await.into_iter().map(|got| got.expect("a caller ended"));
    others.chain([last]).collect()
}

/// Every order of the scene; where there are more than [`MOST`], so many and then some at random.
fn explore(name: &str, scene: impl Fn() + Clone + Send + Sync + 'static) {
    let orders =
        Runner::new(DfsScheduler::new(Some(MOST), false), Config::new()).run(scene.clone());
    assert!(orders > 1, "nothing ran in another order");
    if orders < MOST {
        return println!("{name}: all {orders} orders");
    }
    let random = RandomScheduler::new_from_seed(SEED, AT_RANDOM);
    let at_random = Runner::new(random, Config::new()).run(scene);
    println!("{name}: {orders} orders, and {at_random} at random");
}

/// So many are tried in a few seconds.
const MOST: usize = 40_000;
const AT_RANDOM: usize = 5_000;
const SEED: u64 = 7;

#[test]
fn callers_at_once_share_one_login() {
    explore("two callers", || {
        block_on(async {
            let scene = Scene::new(&[Issues]);
            let got = ask_all(&scene.store, &[Ask::Get, Ask::Get]).await;
            assert_eq!(got[0], got[1]);
            assert!(got[0].is_ok());
            assert_eq!(scene.logins(), 1);
            scene.assert_at_rest().await;
            assert_eq!(scene.logins(), 1);
        });
    });
}

#[test]
fn who_met_a_refused_token_gets_another_and_it_is_one_login_for_all() {
    explore("two refusals", || {
        block_on(async {
            let given = ConfiguredToken::of(Secret::new("Bearer given"));
            let scene = Scene::starting_with(Some(given), &[Issues]);
            let stale = scene.store.get().await.unwrap();
            let refused = Ask::Refresh(Some(stale.generation));
            let got = ask_all(&scene.store, &[refused, refused]).await;
            for got in &got {
                assert_ne!(got.as_ref().unwrap().generation, stale.generation);
            }
            assert_eq!(scene.logins(), 1);
            scene.assert_at_rest().await;
        });
    });
    explore("a refusal beside a caller", || {
        block_on(async {
            let given = ConfiguredToken::of(Secret::new("Bearer given"));
            let scene = Scene::starting_with(Some(given), &[Issues]);
            let stale = scene.store.get().await.unwrap();
            let refused = Ask::Refresh(Some(stale.generation));
            let got = ask_all(&scene.store, &[Ask::Get, refused]).await;
            assert!(got[0].is_ok());
            assert_ne!(got[1].as_ref().unwrap().generation, stale.generation);
            assert_eq!(scene.logins(), 1);
            scene.assert_at_rest().await;
        });
    });
    explore("three callers", || {
        block_on(async {
            let scene = Scene::new(&[Issues]);
            let got = ask_all(&scene.store, &[Ask::Get; 3]).await;
            assert!(got.iter().all(|other| other.is_ok() && *other == got[0]));
            assert_eq!(scene.logins(), 1);
        });
    });
}

#[test]
fn a_login_that_fails_is_told_to_all_who_waited() {
    for (name, script) in [
        ("a failure", &[Fails][..]),
        ("a refusal", &[Refuses]),
        ("a login that breaks off", &[BreaksOff]),
    ] {
        explore(name, move || {
            block_on(async {
                let scene = Scene::new(script);
                let got = ask_all(&scene.store, &[Ask::Get, Ask::Get]).await;
                assert!(got.iter().all(Result::is_err));
                // A caller after the first login may try again only if nobody knows how that ended.
                let most = if script == [BreaksOff] { 2 } else { 1 };
                assert!((1..=most).contains(&scene.logins()));
                scene.assert_at_rest().await;
            });
        });
    }
}

#[test]
fn after_a_failure_the_next_login_counts() {
    for (name, script) in [
        ("failure, then a token", &[Fails, Issues][..]),
        ("broken off, then a token", &[BreaksOff, Issues]),
    ] {
        explore(name, move || {
            block_on(async {
                let scene = Scene::new(script);
                let got = ask_all(&scene.store, &[Ask::Get, Ask::Get]).await;
                assert!(got.iter().filter(|got| got.is_ok()).count() < 2);
                pass(Duration::from_secs(1));
                assert!(scene.store.get().await.is_ok());
                assert_eq!(scene.logins(), 2);
            });
        });
    }
}

#[test]
fn who_gives_up_ends_no_login() {
    explore("one gives up", || {
        block_on(async {
            let scene = Scene::new(&[Issues]);
            let leaver = spawn(ask(scene.store.clone(), Ask::Get));
            let other = spawn(ask(scene.store.clone(), Ask::Get));
            leaver.abort();
            assert!(other.await.unwrap().is_ok());
            assert_eq!(scene.logins(), 1);
            scene.assert_at_rest().await;
        });
    });
}

#[test]
fn a_forced_refresh_is_a_new_token_and_joins_a_login_under_way() {
    explore("a forced refresh beside a caller", || {
        block_on(async {
            let scene = Scene::new(&[Issues]);
            let got = ask_all(&scene.store, &[Ask::Get, Ask::Refresh(None)]).await;
            assert!(got.iter().all(Result::is_ok));
            // Before the caller's login has begun, beside it, or after it.
            assert!((1..=2).contains(&scene.logins()));
            scene.assert_at_rest().await;
        });
    });
}

#[test]
fn an_aging_token_is_served_while_one_login_renews_it() {
    for (name, script) in [
        ("a renewal", &[Issues][..]),
        ("a renewal that fails", &[Issues, Fails]),
        ("a renewal that breaks off", &[Issues, BreaksOff]),
    ] {
        explore(name, move || {
            block_on(async {
                let scene = Scene::new(script);
                let old = scene.store.get().await.unwrap();
                pass(Duration::from_secs(3400));
                let got = ask_all(&scene.store, &[Ask::Get, Ask::Get]).await;
                assert!(got.iter().all(Result::is_ok));
                assert!(got.contains(&Ok(old)));
                idle().await;
                assert_eq!(scene.logins(), 2);
            });
        });
    }
}

#[test]
fn a_renewal_that_broke_off_costs_nobody_a_call() {
    explore("broken off in the background", || {
        block_on(async {
            let scene = Scene::new(&[Issues, BreaksOff, Issues]);
            scene.store.get().await.unwrap();
            pass(Duration::from_secs(3400));
            scene.store.get().await.unwrap();
            idle().await;
            pass(Duration::from_secs(200));
            assert!(scene.store.get().await.is_ok(), "told of a login that was none of its own");
            assert_eq!(scene.logins(), 3);
        });
    });
}

#[test]
fn somebody_else_on_the_account_is_told_once() {
    explore("two fresh refusals", || {
        block_on(async {
            let scene = Scene::new(&[Issues]);
            let first = scene.store.get().await.unwrap();
            let second = scene.store.refresh(Some(first.generation)).await.unwrap();
            let refused = Ask::Refresh(Some(second.generation));
            let got = ask_all(&scene.store, &[refused, refused]).await;
            assert!(got.iter().all(Result::is_ok));
            assert_eq!((scene.logins(), scene.warnings.lock().unwrap().len()), (3, 1));
        });
    });
}
