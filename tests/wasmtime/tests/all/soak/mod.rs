//! Hours in minutes: 64 callers go on while tokens die and faults strike at random. Every answer is
//! its caller's own, every failure is one that was injected, every login follows a token's death, and
//! neither memory nor handles grow.
//!
//! The short form runs with the other tests. The long one, 30 minutes of each form at the same time:
//!
//! ```text
//! OGE_SOAK_SECONDS=1800 cargo test --test all soak -- --nocapture
//! ```
//!
//! `OGE_SOAK_SEED` repeats what was injected and in which order; how callers meet it is up to the
//! scheduler, which no seed repeats.

mod account;
mod caller;
mod disturber;
mod process;
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

use account::Account;
use caller::Caller;
use disturber::Disturber;
use process::{Footprint, footprint};
use ways::{Served, Way};

const CALLERS: usize = 64;

/// What a call may take, set for both forms. A hang lasts as long.
const DEADLINE_SECONDS: &str = "8";

/// How much more memory the last third of a run may take at most than the one before, however long the run
/// is: what an allocator's caches and fragments come to.
const MOST_GROWTH_KIB: u64 = 16 * 1024;

/// Past the run's own time: what the last calls, logins and idle connections take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Set in the process that the host has to itself, where nobody else's memory and handles count.
const ALONE: &str = "OGE_SOAK_ALONE";

fn seconds() -> Duration {
    let seconds = env::var("OGE_SOAK_SECONDS").ok();
    Duration::from_secs(seconds.map_or(15, |seconds| seconds.parse().expect("a whole number")))
}

fn seed() -> u64 {
    let seed = env::var("OGE_SOAK_SEED").ok();
    seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a whole number"))
}

async fn platform() -> Mock {
    // Each login ends the token before it, so that one login too many is a death too many.
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

/// The run: `ways` holds a way to the tools for each caller, `process` is what they run in, and `pause`
/// the longest that a caller thinks between two calls.
async fn soak<W: Way>(name: &str, mock: Mock, ways: Vec<W>, process: u32, pause: Duration) {
    let (time, mut rng) = (seconds(), Rng::with_seed(seed()));
    println!("soak of {name}: {time:?}, {CALLERS} callers, OGE_SOAK_SEED={}", rng.get_seed());
    let mock = Arc::new(mock);
    let account = Arc::new(Account::default());
    // The first call opens what is kept from then on.
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
        let disturber = Disturber::new(Arc::clone(&mock), rng);
        let disturbed = tokio::spawn(disturber.go_on_until(ends_at));
        let footprints = watched(process, time).await;
        let disturbed = disturbed.await.expect("the disturber met its callers");
        account.end();
        // A caller's panic is the test's, and a call that never ends is the time limit's.
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

/// The most that `process` holds in the second third of the time, when everything has been met once, and
/// in the last. How much it holds at one moment depends on how many calls there are at that moment.
async fn watched(process: u32, time: Duration) -> (Footprint, Footprint) {
    sleep(time / 3).await;
    let second = most(process, time / 3).await;
    (second, most(process, time / 3).await)
}

/// The most that `process` holds within `time`.
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

/// What `process` holds once connections that nobody uses have been let go.
async fn settled(process: u32, handles: usize) -> Footprint {
    for _ in 0..300 {
        if footprint(process).handles <= handles {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    footprint(process)
}
