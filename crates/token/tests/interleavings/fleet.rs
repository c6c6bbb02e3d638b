//! Several machines that share one token through etcd.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures_util::future::join_all;
use oge_token::{SharedStore, Store};
use oge_tools::client::TransportError;
use oge_tools::token::TokenError;
use shuttle::future::{block_on, spawn};

use super::effects::Login::{self, Fails, Issues, Panics, Rejects, Sleeps};
use super::effects::World;
use super::etcd::Before;
use super::{Ask, Got, ask, explore_up_to};

const HOUR: Duration = Duration::from_secs(3600);
/// An order of two machines is ten times as long as one of two callers.
const MAX_ORDERS: usize = 8_000;
/// The lease of the lock.
const LEASE: Duration = Duration::from_secs(45);

/// Machines with one store each.
struct Fleet {
    world: World,
    stores: Vec<SharedStore<World>>,
}

impl Fleet {
    /// Returns a machine for each clock, which is so far ahead.
    fn with_clocks(script: &'static [Login], ahead: &[Duration]) -> Self {
        let world = World::new(script);
        let store = |ahead: &Duration| {
            let machine = world.machine(*ahead);
            SharedStore::new(machine.clone(), machine.shared(), None)
        };
        Self { stores: ahead.iter().map(store).collect(), world }
    }

    fn new(script: &'static [Login], machines: usize) -> Self {
        Self::with_clocks(script, &vec![Duration::ZERO; machines])
    }

    /// Asks each machine at once.
    async fn ask(&self, what: Ask) -> Vec<Got> {
        let asked = self.stores.iter().map(|store| spawn(ask(store.clone(), what)));
        let asked = asked.collect::<Vec<_>>();
        join_all(asked).await.into_iter().map(|got| got.expect("no caller panics")).collect()
    }

    fn logins(&self) -> usize {
        self.world.seen.logins.load(SeqCst)
    }

    fn calls(&self) -> usize {
        self.world.etcd.with(|etcd| etcd.calls.len())
    }

    /// Asserts that nobody holds the lock once all tasks have ended.
    async fn assert_unlocked(&self) {
        self.world.idle().await;
        assert!(!self.world.etcd.with(|etcd| etcd.is_locked()), "a lock was left");
    }
}

/// Runs a scene whose steps follow one another.
fn run<F: Future<Output = ()> + 'static>(scene: impl Fn() -> F + Send + Sync + 'static) {
    shuttle::check_random(move || block_on(scene()), 10);
}

fn refused() -> Option<TransportError> {
    Some(TransportError::Network("connection refused".to_owned()))
}

fn authorization(got: &Got) -> &str {
    got.as_ref().expect("a token").authorization.expose()
}

#[test]
fn machines_at_once_share_one_login() {
    explore_up_to(MAX_ORDERS, "two machines", || {
        block_on(async {
            let fleet = Fleet::new(&[Issues], 2);
            let got = fleet.ask(Ask::Get).await;
            assert!(got[0].is_ok());
            assert_eq!(got[0], got[1]);
            assert_eq!(fleet.logins(), 1);
            fleet.assert_unlocked().await;
        });
    });
}

#[test]
fn a_token_that_several_machines_saw_rejected_is_replaced_once() {
    explore_up_to(MAX_ORDERS, "two machines with a rejected token", || {
        block_on(async {
            let fleet = Fleet::new(&[Issues], 2);
            let first = fleet.stores[0].get().await.unwrap();
            assert_eq!(fleet.stores[1].get().await.unwrap(), first);
            fleet.world.pass(Duration::from_secs(60));
            let got = fleet.ask(Ask::Refresh(Some(first.generation))).await;
            assert_eq!(got[0], got[1]);
            assert_ne!(got[0].as_ref().unwrap().generation, first.generation);
            assert_eq!(fleet.logins(), 2);
            fleet.assert_unlocked().await;
        });
    });
}

#[test]
fn a_failed_login_holds_off_the_whole_fleet() {
    for script in [&[Fails][..], &[Rejects]] {
        explore_up_to(MAX_ORDERS, "two machines, a failed login", move || {
            block_on(async {
                let fleet = Fleet::new(script, 2);
                let got = fleet.ask(Ask::Get).await;
                assert!(got.iter().all(Result::is_err), "{got:?}");
                assert_eq!(fleet.logins(), 1);
                fleet.assert_unlocked().await;
            });
        });
    }
}

#[test]
fn a_holder_that_dies_loses_the_lock_with_its_lease() {
    run(|| async {
        let fleet = Fleet::new(&[Panics, Issues], 2);
        assert!(fleet.stores[0].get().await.is_err());
        let died_at = fleet.world.seen.now();
        let waiter = spawn(ask(fleet.stores[1].clone(), Ask::Get));
        while !waiter.is_finished() {
            fleet.world.pass(Duration::from_secs(1));
            // The waiter looks at the lock before more time passes.
            for _ in 0..50 {
                shuttle::future::yield_now().await;
            }
        }
        assert!(waiter.await.unwrap().is_ok());
        let waited = fleet.world.seen.now() - died_at;
        assert!(waited >= LEASE - Duration::from_secs(1), "{waited:?}");
        assert_eq!(fleet.logins(), 2);
    });
}

#[test]
fn a_holder_that_comes_back_late_overwrites_nothing() {
    run(|| async {
        let fleet = Fleet::new(&[Sleeps, Issues], 2);
        // The login of the first machine ends after its lease, and meanwhile the second one logs in.
        let late = spawn(ask(fleet.stores[0].clone(), Ask::Get));
        while fleet.logins() == 0 {
            shuttle::future::yield_now().await;
        }
        fleet.world.pass(LEASE);
        let second = fleet.stores[1].get().await;
        fleet.world.wake_sleepers();
        assert_eq!(authorization(&late.await.unwrap()), authorization(&second));
        assert_eq!(authorization(&fleet.stores[1].get().await), authorization(&second));
        assert_eq!(fleet.logins(), 2);
    });
}

#[test]
fn a_holder_that_was_suspended_before_its_login_makes_none() {
    run(|| async {
        let fleet = Fleet::new(&[Issues], 2);
        fleet.world.etcd.with(|etcd| etcd.suspends = Some((Before::Write, LEASE)));
        let Err(TokenError::Unavailable(why)) = fleet.stores[0].get().await else {
            panic!("it logged in without the lock");
        };
        assert!(why.contains("lock"), "{why}");
        assert_eq!(fleet.logins(), 0);
        assert!(fleet.stores[1].get().await.is_ok());
        assert_eq!(fleet.logins(), 1);
    });
}

/// The lease is over, so the lock is not created, and the state is not read.
#[test]
fn a_holder_that_was_suspended_before_its_lock_asks_for_another_one() {
    run(|| async {
        let fleet = Fleet::new(&[Issues], 2);
        fleet.world.etcd.with(|etcd| etcd.suspends = Some((Before::Lock, LEASE)));
        let first = fleet.stores[0].get().await;
        assert!(first.is_ok(), "{first:?}");
        assert_eq!(fleet.stores[1].get().await, first);
        assert_eq!(fleet.logins(), 1);
        fleet.assert_unlocked().await;
    });
}

/// A component can refresh only while its caller waits.
#[test]
fn a_caller_with_a_good_token_waits_three_seconds_for_a_slow_etcd() {
    for millis in [100, 400, 700, 1000, 1500, 2500] {
        run(move || async move {
            let world = World::new(&[Issues]);
            let store = Store::new(world.clone(), world.shared(), None);
            let first = store.get().await;
            world.pass(HOUR - Duration::from_secs(120));
            let latency = Duration::from_millis(millis);
            world.etcd.with(|etcd| etcd.latency = latency);
            let started = world.seen.now();
            let second = store.get().await;
            let took = world.seen.now() - started;
            // Afterwards the token is saved, and the lock released.
            let rest = 2 * latency.min(Duration::from_secs(2));
            assert!(took <= Duration::from_secs(3) + rest, "{took:?} at {latency:?}");
            let is_new = second != first;
            assert!(second.is_ok() && (is_new || millis > 400), "{second:?} at {latency:?}");

            // A caller that needs a token gets it from the same slow etcd at once.
            let stale = second.unwrap().generation;
            let third = store.refresh(Some(stale)).await;
            match millis {
                ..2000 => assert!(third.is_ok(), "{third:?} at {latency:?}"),
                _ => assert!(third.is_err(), "{third:?} at {latency:?}"),
            }
        });
    }
}

#[test]
fn a_fresh_token_costs_no_call_to_etcd() {
    run(|| async {
        let fleet = Fleet::new(&[Issues], 2);
        fleet.ask(Ask::Get).await;
        fleet.world.idle().await;
        let before = fleet.calls();
        for _ in 0..10 {
            fleet.ask(Ask::Get).await;
        }
        assert_eq!(fleet.calls(), before);
    });
}

#[test]
fn a_login_costs_six_calls_to_etcd_and_a_reader_one() {
    run(|| async {
        let fleet = Fleet::new(&[Issues], 2);
        assert!(fleet.stores[0].get().await.is_ok());
        assert_eq!(fleet.calls(), 6);
        let first = fleet.stores[1].get().await.unwrap();
        assert_eq!(fleet.calls(), 7);
        fleet.world.pass(Duration::from_secs(60));
        assert!(fleet.stores[0].refresh(Some(first.generation)).await.is_ok());
        assert_eq!(fleet.calls(), 13);
        assert!(fleet.stores[1].refresh(Some(first.generation)).await.is_ok());
        assert_eq!(fleet.calls(), 14);
    });
}

#[test]
fn callers_of_one_machine_share_what_it_reads() {
    run(|| async {
        let fleet = Fleet::new(&[Rejects], 1);
        assert!(fleet.stores[0].get().await.is_err());
        let before = fleet.calls();
        let callers = (0..50).map(|_| spawn(ask(fleet.stores[0].clone(), Ask::Get)));
        let got = join_all(callers.collect::<Vec<_>>()).await;
        assert!(got.iter().all(|got| got.as_ref().unwrap().is_err()));
        assert!(fleet.calls() - before < 10, "{} calls for 50 callers", fleet.calls() - before);
        assert_eq!(fleet.logins(), 1);
    });
}

#[test]
fn without_etcd_a_good_token_is_served_and_no_login_is_made() {
    run(|| async {
        let fleet = Fleet::new(&[Issues], 2);
        let first = fleet.stores[0].get().await;
        fleet.world.etcd.with(|etcd| etcd.fails = refused());
        assert_eq!(fleet.stores[0].get().await, first);
        // The token is also served when it should be refreshed soon.
        fleet.world.pass(HOUR - Duration::from_secs(120));
        for _ in 0..5 {
            assert_eq!(fleet.stores[0].get().await, first);
        }
        fleet.world.idle().await;
        let Err(TokenError::Unavailable(why)) = fleet.stores[1].get().await else {
            panic!("a token came from nowhere");
        };
        for part in
            ["OGE_TOKEN_ETCD", "http://a:2379, http://b:2379", "connection refused", "no login"]
        {
            assert!(why.contains(part), "{why}");
        }
        assert_eq!(fleet.logins(), 1);
        fleet.world.etcd.with(|etcd| etcd.fails = None);
        fleet.world.pass(Duration::from_secs(1));
        // The other machine's token is still good.
        assert_eq!(fleet.stores[1].get().await, first);
        assert_eq!(fleet.logins(), 1);
    });
}

#[test]
fn callers_during_an_outage_share_its_error() {
    run(|| async {
        let fleet = Fleet::new(&[Issues], 1);
        fleet.world.etcd.with(|etcd| etcd.fails = refused());
        let started = fleet.world.seen.now();
        let callers = (0..50).map(|_| spawn(ask(fleet.stores[0].clone(), Ask::Get)));
        let got = join_all(callers.collect::<Vec<_>>()).await;
        assert!(got.iter().all(|got| got.as_ref().unwrap().is_err()));
        let took = fleet.world.seen.now() - started;
        assert!(took < Duration::from_secs(20), "{took:?}");
    });
}

/// Another program has written something large under our key.
#[test]
fn a_value_that_is_too_large_is_named_at_once() {
    run(|| async {
        let fleet = Fleet::new(&[Issues], 1);
        let too_large = TransportError::TooLarge { limit: 1_048_576 };
        fleet.world.etcd.with(|etcd| etcd.fails = Some(too_large));
        let Err(TokenError::Unavailable(why)) = fleet.stores[0].get().await else {
            panic!("a token came from nowhere");
        };
        let expected = "answers with more than 1048576 bytes, so the value of oge/token-";
        assert!(why.contains(expected) && why.contains("delete that key"), "{why}");
        assert_eq!((fleet.calls(), fleet.logins()), (1, 0));
    });
}

#[test]
fn a_cluster_that_lost_its_data_ends_no_token() {
    run(|| async {
        let fleet = Fleet::new(&[Issues], 2);
        let first = fleet.stores[0].get().await;
        fleet.world.etcd.with(super::etcd::Cluster::wipe);
        fleet.world.pass(Duration::from_secs(60));
        assert_eq!(fleet.stores[0].get().await, first);
        let second = fleet.stores[1].get().await;
        assert_eq!(fleet.logins(), 2);
        // The login of the second machine ended the token of the first.
        let stale = first.unwrap().generation;
        assert_eq!(
            authorization(&fleet.stores[0].refresh(Some(stale)).await),
            authorization(&second)
        );
        assert_eq!(fleet.logins(), 2);
    });
}

#[test]
fn rejected_credentials_are_three_logins_in_the_whole_fleet() {
    run(|| async {
        let fleet = Fleet::new(&[Rejects], 5);
        for wait in [0, 10, 60, 60, 600, 600, 3600, 86_400] {
            fleet.world.pass(Duration::from_secs(wait));
            let got = fleet.ask(Ask::Get).await;
            assert!(got.iter().all(|got| matches!(got, Err(TokenError::Rejected(_)))), "{got:?}");
        }
        assert_eq!(fleet.logins(), 3);
    });
}

#[test]
fn a_clock_ahead_makes_no_login() {
    let ahead = Duration::from_secs(600);
    for clocks in [[Duration::ZERO, ahead], [ahead, Duration::ZERO]] {
        run(move || async move {
            let fleet = Fleet::with_clocks(&[Issues], &clocks);
            let first = fleet.stores[0].get().await.unwrap();
            assert_eq!(fleet.stores[1].get().await.unwrap(), first);
            fleet.world.pass(Duration::from_secs(60));
            let got = fleet.ask(Ask::Refresh(Some(first.generation))).await;
            assert_eq!(got[0], got[1]);
            assert_eq!(fleet.logins(), 2);
        });
    }
}
