//! Soak test: 64 callers run while tokens are revoked and faults are injected at random. Every caller gets its
//! own results, every failure has an injected cause, every login follows a revoked token, and memory and
//! handles do not grow.
//!
//! A short run is part of the other tests. A long run, 30 minutes of both tests at the same time:
//!
//! ```text
//! OGE_SOAK_SECONDS=1800 cargo test --test all soak -- --nocapture
//! ```
//!
//! `OGE_SOAK_SEED` repeats the injected faults and their order. The scheduling of the callers is not
//! repeatable.

mod caller;
mod fault_injector;
mod process;
mod tally;
mod ways;

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use oge_host::Host;
use oge_mock_platform::{Mock, Options};
use tempfile::tempdir;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::mcp::{Session, serve, with};

use caller::Caller;
use fault_injector::FaultInjector;
use process::{Footprint, footprint};
use tally::Tally;
use ways::{Served, Way};

const CALLERS: usize = 64;

/// The timeout of a call. A `Hang` fault lasts as long.
const DEADLINE_SECONDS: &str = "8";

/// The largest allowed growth of memory from the second third of a run to the last, for the allocator's
/// caches and fragmentation.
const MOST_GROWTH_KIB: u64 = 16 * 1024;

/// Additional time for the last calls, logins and idle connections.
const PATIENCE: Duration = Duration::from_secs(120);

/// Set in the process that runs only the host, so that only its memory and handles are counted.
const ALONE: &str = "OGE_SOAK_ALONE";

fn seconds() -> Duration {
    let seconds = env::var("OGE_SOAK_SECONDS").ok();
    Duration::from_secs(seconds.map_or(5, |seconds| seconds.parse().expect("a whole number")))
}

fn seed() -> u64 {
    let seed = env::var("OGE_SOAK_SEED").ok();
    seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a whole number"))
}

async fn platform() -> Mock {
    // Each login ends the token before it, so that a superfluous login is detected.
    let options = Options::default().single_session(true).record(false);
    Mock::start(options).await.expect("a port on loopback")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reference_host_callers_get_their_own_results_despite_faults() {
    if env::var_os(ALONE).is_none() {
        let name = "soak::reference_host_callers_get_their_own_results_despite_faults";
        let mut again = Command::new(env::current_exe().unwrap());
        again.args([name, "--exact", "--nocapture"]).env(ALONE, "1");
        let output = tokio::task::spawn_blocking(move || again.output()).await.unwrap().unwrap();
        println!("{}", String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let mock = platform().await;
    let settings = with(&mock, &[("OGE_TIMEOUT_SECONDS", DEADLINE_SECONDS)]);
    let host = Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
        .settings(settings)
        .log(|_| {})
        .build()
        .unwrap();
    let ways = (0..CALLERS).map(|_| host.clone()).collect();
    soak("the reference host", mock, ways, std::process::id(), Duration::from_millis(60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wasmtime_serve_callers_get_their_own_results_despite_faults() {
    let (mock, state) = (platform().await, tempdir().unwrap());
    let settings = with(&mock, &[("OGE_TIMEOUT_SECONDS", DEADLINE_SECONDS), ("OGE_LOG", "off")]);
    let server = Arc::new(serve(&settings, Some(state.path()), &[]));
    let process = server.id();
    let sessions = (0..CALLERS).map(|_| Session::http(Arc::clone(&server), "2026-07-28"));
    let sessions = futures_util::future::join_all(sessions).await;
    let ways = sessions.into_iter().map(Served).collect();
    soak("wasmtime serve", mock, ways, process, Duration::from_millis(400)).await;
}

/// Runs the test. `ways` has an access to the tools for each caller, `process` runs the tools, and `pause` is
/// the longest pause of a caller between two calls.
async fn soak<W: Way>(name: &str, mock: Mock, ways: Vec<W>, process: u32, pause: Duration) {
    let (time, mut rng) = (seconds(), Rng::with_seed(seed()));
    println!("soak of {name}: {time:?}, {CALLERS} callers, OGE_SOAK_SEED={}", rng.get_seed());
    let mock = Arc::new(mock);
    let account = Arc::new(Tally::default());
    // The first call opens the connections that are kept.
    account.started();
    account.take(ways[0].state("first").await);
    let before = footprint(process);
    let ends_at = Instant::now() + time;
    let mut callers = JoinSet::new();
    for (number, way) in ways.into_iter().enumerate() {
        let caller = Caller { number, pause, rng: rng.fork(), account: Arc::clone(&account) };
        callers.spawn(caller.go_on(way));
    }
    let whole = async {
        let disturber = FaultInjector::new(Arc::clone(&mock), rng);
        let disturbed = tokio::spawn(disturber.go_on_until(ends_at));
        let footprints = watched(process, time).await;
        let disturbed = disturbed.await.expect("the disturber met its callers");
        account.end();
        // Propagates a caller's panic. The time limit ends a call that hangs.
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
        let after = settled(process, before.handles).await;
        account.print(&mock, &disturbed);
        println!(
            "  memory        {} KiB at most in the second third, {} KiB in the last",
            footprints.0.memory_kib, footprints.1.memory_kib
        );
        println!(
            "  handles       {} before, {} at most, {} after",
            before.handles,
            footprints.0.handles.max(footprints.1.handles),
            after.handles
        );
        account.assert(&mock, &disturbed);
        let growth = footprints.1.memory_kib.saturating_sub(footprints.0.memory_kib);
        assert!(growth <= MOST_GROWTH_KIB, "memory grew by {growth} KiB");
        assert!(after.handles <= before.handles, "{before:?} before, {after:?} after");
    };
    timeout(time + PATIENCE, whole).await.expect("nothing hangs");
}

/// Returns the maximum footprint in the second third of the time and in the last. The first third warms up.
/// A single measurement would depend on the number of calls at that moment.
async fn watched(process: u32, time: Duration) -> (Footprint, Footprint) {
    sleep(time / 3).await;
    let second = most(process, time / 3).await;
    (second, most(process, time / 3).await)
}

/// Returns the maximum footprint within `time`.
async fn most(process: u32, time: Duration) -> Footprint {
    let mut most = footprint(process);
    let mut ticks = interval(Duration::from_millis(200));
    let ends_at = Instant::now() + time;
    while Instant::now() < ends_at {
        ticks.tick().await;
        let seen = footprint(process);
        most.memory_kib = most.memory_kib.max(seen.memory_kib);
        most.handles = most.handles.max(seen.handles);
    }
    most
}

/// Returns the footprint when idle connections are closed.
async fn settled(process: u32, handles: usize) -> Footprint {
    for _ in 0..300 {
        if footprint(process).handles <= handles {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    footprint(process)
}
