//! The store's rules in every order in which its callers and its logins can run. To see how many orders are
//! tried: `cargo test -p oge-token --test interleavings -- --nocapture`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod effects;
mod etcd;
mod fleet;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures_util::future::join_all;
use oge_token::{ConfiguredToken, Medium, SharedStore};
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError};
use shuttle::future::{block_on, spawn};
use shuttle::scheduler::{DfsScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use effects::Login::{self, Fails, Issues, Panics, Rejects};
use effects::World;

/// A store, and the world that it is in.
struct Scene {
    store: SharedStore<World>,
    world: World,
}

impl Scene {
    fn new(script: &'static [Login]) -> Self {
        Self::starting_with(None, script)
    }

    fn starting_with(given: Option<ConfiguredToken>, script: &'static [Login]) -> Self {
        let world = World::new(script);
        Self { store: SharedStore::new(world.clone(), Medium::Memory, given), world }
    }

    fn logins(&self) -> usize {
        self.world.seen.logins.load(SeqCst)
    }

    /// Asserts that no login is in flight, and that the next caller gets the held token.
    async fn assert_at_rest(&self) {
        assert_eq!(self.world.seen.in_flight.load(SeqCst), 0);
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

async fn ask(store: SharedStore<World>, what: Ask) -> Got {
    match what {
        Ask::Get => store.get().await,
        Ask::Refresh(stale) => store.refresh(stale).await,
    }
}

/// Asks all of it at once, the last in this task.
async fn ask_all(store: &SharedStore<World>, asked: &[Ask]) -> Vec<Got> {
    let (last, others) = asked.split_last().expect("at least one caller");
    let others = others.iter().map(|what| spawn(ask(store.clone(), *what)));
    let others: Vec<_> = others.collect();
    let last = ask(store.clone(), *last).await;
    let others = join_all(others).await.into_iter().map(|got| got.expect("no caller panics"));
    others.chain([last]).collect()
}

/// Runs the scene in every order. If there are more than [`MAX_ORDERS`], runs that many, then others at random.
fn explore(name: &str, scene: impl Fn() + Clone + Send + Sync + 'static) {
    explore_up_to(MAX_ORDERS, name, scene);
}

/// As [`explore`], with another limit.
fn explore_up_to(max: usize, name: &str, scene: impl Fn() + Clone + Send + Sync + 'static) {
    let orders = Runner::new(DfsScheduler::new(Some(max), false), Config::new()).run(scene.clone());
    assert!(orders > 1, "nothing ran in another order");
    if orders < max {
        return println!("{name}: all {orders} orders");
    }
    let random = RandomScheduler::new_from_seed(SEED, AT_RANDOM);
    let at_random = Runner::new(random, Config::new()).run(scene);
    println!("{name}: {orders} orders, and {at_random} at random");
}

/// They take a few seconds.
const MAX_ORDERS: usize = 20_000;
/// How many are run at random.
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
fn a_rejected_token_is_replaced_by_one_login_for_all() {
    explore("two rejections", || {
        block_on(async {
            let given = ConfiguredToken::of(Secret::new("Bearer given"));
            let scene = Scene::starting_with(Some(given), &[Issues]);
            let stale = scene.store.get().await.unwrap();
            let rejected = Ask::Refresh(Some(stale.generation));
            let got = ask_all(&scene.store, &[rejected, rejected]).await;
            for got in &got {
                assert_ne!(got.as_ref().unwrap().generation, stale.generation);
            }
            assert_eq!(scene.logins(), 1);
            scene.assert_at_rest().await;
        });
    });
    explore("a rejection beside a caller", || {
        block_on(async {
            let given = ConfiguredToken::of(Secret::new("Bearer given"));
            let scene = Scene::starting_with(Some(given), &[Issues]);
            let stale = scene.store.get().await.unwrap();
            let rejected = Ask::Refresh(Some(stale.generation));
            let got = ask_all(&scene.store, &[Ask::Get, rejected]).await;
            assert!(got[0].is_ok());
            assert_ne!(got[1].as_ref().unwrap().generation, stale.generation);
            assert_eq!(scene.logins(), 1);
            scene.assert_at_rest().await;
        });
    });
}

#[test]
fn a_failed_login_is_the_answer_of_all_who_waited() {
    for (name, script) in [
        ("a failure", &[Fails][..]),
        ("rejected credentials", &[Rejects]),
        ("a login that panics", &[Panics]),
    ] {
        explore(name, move || {
            block_on(async {
                let scene = Scene::new(script);
                let got = ask_all(&scene.store, &[Ask::Get, Ask::Get]).await;
                assert!(got.iter().all(Result::is_err));
                // A later caller may try again only if the first login left no outcome.
                let max = if script == [Panics] { 2 } else { 1 };
                assert!((1..=max).contains(&scene.logins()));
                scene.assert_at_rest().await;
            });
        });
    }
}

#[test]
fn after_a_failure_the_next_login_counts() {
    for (name, script) in [
        ("a failure, then a token", &[Fails, Issues][..]),
        ("a panic, then a token", &[Panics, Issues]),
    ] {
        explore(name, move || {
            block_on(async {
                let scene = Scene::new(script);
                let got = ask_all(&scene.store, &[Ask::Get, Ask::Get]).await;
                assert!(got.iter().filter(|got| got.is_ok()).count() < 2);
                scene.world.pass(Duration::from_secs(1));
                assert!(scene.store.get().await.is_ok());
                assert_eq!(scene.logins(), 2);
            });
        });
    }
}

#[test]
fn a_caller_that_gives_up_ends_no_login() {
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
        ("a renewal that panics", &[Issues, Panics]),
    ] {
        explore(name, move || {
            block_on(async {
                let scene = Scene::new(script);
                let old = scene.store.get().await.unwrap();
                scene.world.pass(Duration::from_secs(3400));
                let got = ask_all(&scene.store, &[Ask::Get, Ask::Get]).await;
                assert!(got.iter().all(Result::is_ok));
                assert!(got.contains(&Ok(old)));
                scene.world.idle().await;
                assert_eq!(scene.logins(), 2);
            });
        });
    }
}

#[test]
fn a_renewal_that_panics_costs_no_call() {
    explore("a panic in the background", || {
        block_on(async {
            let scene = Scene::new(&[Issues, Panics, Issues]);
            scene.store.get().await.unwrap();
            scene.world.pass(Duration::from_secs(3400));
            scene.store.get().await.unwrap();
            scene.world.idle().await;
            scene.world.pass(Duration::from_secs(200));
            assert!(scene.store.get().await.is_ok(), "the call got the failure of the renewal");
            assert_eq!(scene.logins(), 3);
        });
    });
}

#[test]
fn contention_is_logged_once() {
    explore("two fresh rejections", || {
        block_on(async {
            let scene = Scene::new(&[Issues]);
            let first = scene.store.get().await.unwrap();
            let second = scene.store.refresh(Some(first.generation)).await.unwrap();
            let rejected = Ask::Refresh(Some(second.generation));
            let got = ask_all(&scene.store, &[rejected, rejected]).await;
            assert!(got.iter().all(Result::is_ok));
            assert_eq!((scene.logins(), scene.world.seen.warnings.lock().unwrap().len()), (3, 1));
        });
    });
}
