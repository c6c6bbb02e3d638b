//! A guest that misbehaves is stopped with an error that names the limit, and the host goes on.

use std::time::Duration;

use oge_fake::{Fake, Options};
use oge_host::{CallError, Host, HostBuilder, Limits, Stopped};
use oge_tools::tools::QueryTaskStatus;
use oge_tools::url::Origin;

use crate::scene::status_of;

/// More than a call needs that only waits, on a machine that does other things too.
const CPU: Duration = Duration::from_millis(200);

/// A host for the guest that does as it is told.
pub fn hostile() -> HostBuilder {
    Host::builder().component(oge_artifacts::hostile()).log(|_| {})
}

/// Tells the guest what to do, and what it answered.
pub async fn tell(host: &Host, what: &str) -> Result<String, CallError> {
    host.run::<QueryTaskStatus>(&status_of(what)).await.map(|done| done.output.status)
}

/// The limit that ends what the guest was told, after which the host has to serve on.
async fn stopped(limits: Limits, what: &str) -> Stopped {
    let host = hostile().limits(limits).build().unwrap();
    let stopped = match tell(&host, what).await {
        Err(CallError::Stopped(stopped)) => stopped,
        other => panic!("not stopped, but {other:?}"),
    };
    assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
    stopped
}

#[tokio::test]
async fn a_guest_that_spins_is_stopped() {
    let limits = Limits { cpu: CPU, ..Limits::default() };
    assert_eq!(stopped(limits, "spin").await, Stopped::Cpu(CPU));
}

#[tokio::test]
async fn waiting_now_and_then_buys_a_guest_no_time() {
    let limits = Limits { cpu: CPU, ..Limits::default() };
    assert_eq!(stopped(limits, "spin-between-waits").await, Stopped::Cpu(CPU));
}

#[tokio::test]
async fn calls_that_wait_use_no_cpu_time() {
    let host = hostile().limits(Limits { cpu: CPU, ..Limits::default() }).build().unwrap();
    let wait = format!("wait:{}", 3 * CPU.as_millis());
    let calls = (0..64).map(|_| tell(&host, &wait));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), "waited");
    }
}

#[tokio::test]
async fn a_guest_that_spins_holds_nobody_up() {
    let host = hostile().build().unwrap();
    tokio::select! {
        biased;
        _ = tell(&host, "spin") => panic!("the other call had to wait for it"),
        answer = tell(&host, "nothing") => assert_eq!(answer.unwrap(), "nothing done"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_spinning_guests_than_threads_starve_nobody() {
    let host = hostile().limits(Limits { cpu: CPU, ..Limits::default() }).build().unwrap();
    let spin = |_| {
        let host = host.clone();
        tokio::spawn(async move { tell(&host, "spin").await })
    };
    let spinning: Vec<_> = (0..8).map(spin).collect();
    tokio::task::yield_now().await;
    assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
    assert!(!spinning.iter().all(tokio::task::JoinHandle::is_finished), "it had to wait for all");
    for spun in spinning {
        assert!(matches!(spun.await.unwrap(), Err(CallError::Stopped(Stopped::Cpu(_)))));
    }
}

#[tokio::test]
async fn a_call_ends_with_its_wall_time_whatever_it_waits_for() {
    let wall = Duration::from_millis(50);
    let limits = Limits { wall: Some(wall), ..Limits::default() };
    assert_eq!(stopped(limits, "wait").await, Stopped::Wall(wall));
}

#[tokio::test]
async fn a_guest_that_grows_is_stopped() {
    let memory = 8 << 20;
    let limits = Limits { memory: Some(memory), ..Limits::default() };
    assert_eq!(stopped(limits, "grow").await, Stopped::Memory(memory));
}

#[tokio::test]
async fn the_memory_limit_follows_the_reply_limit_and_says_so() {
    let host = hostile().settings([("OGE_MAX_REPLY_BYTES", "1048576")]).build().unwrap();
    let error = tell(&host, "grow").await.unwrap_err();
    assert!(matches!(error, CallError::Stopped(Stopped::Memory(bytes)) if bytes == (3 + 16) << 20));
    assert!(error.to_string().contains("OGE_MAX_REPLY_BYTES"), "{error}");
}

#[tokio::test]
async fn a_guest_that_hoards_resources_is_stopped() {
    let limits = Limits { resources: 100, ..Limits::default() };
    assert_eq!(stopped(limits, "pollables").await, Stopped::Resources(100));
}

#[tokio::test]
async fn a_guest_that_breaks_off_is_told_from_one_that_is_stopped() {
    let host = hostile().build().unwrap();
    let error = tell(&host, "panic").await.unwrap_err();
    assert!(matches!(&error, CallError::Trapped(why) if why.contains("unreachable")), "{error:?}");
    assert_eq!(tell(&host, "nothing").await.unwrap(), "nothing done");
}

#[tokio::test]
async fn requests_past_the_limit_are_refused() {
    let fake = Fake::start(Options::default()).await.unwrap();
    let host = hostile()
        .allow(Origin::parse(fake.origin()).unwrap())
        .limits(Limits { requests: 4, ..Limits::default() })
        .build()
        .unwrap();
    let authority = fake.origin().trim_start_matches("http://");
    assert_eq!(tell(&host, &format!("requests:{authority}")).await.unwrap(), "96 of 100 refused");
    assert_eq!(fake.story().len(), 4);
}
