//! A guest that misbehaves is stopped with a clear error, and the host goes on.

use std::time::Duration;

use oge_fake::Options;
use oge_host::{CallError, Host, Limits, Stopped};
use oge_tools::tools::QueryTaskStatus;

use crate::scene::{Scene, status_of};

/// A host of the guest that misbehaves.
pub async fn hostile(limits: Limits) -> Scene {
    Scene::with(Options::default(), |builder| {
        builder.component(oge_artifacts::hostile()).limits(limits)
    })
    .await
}

/// What came of a piece of mischief.
pub async fn make(host: &Host, what: &str) -> Result<String, CallError> {
    host.run::<QueryTaskStatus>(&status_of(what)).await.map(|done| done.output.status)
}

async fn stopped(host: &Host, what: &str) -> Stopped {
    match make(host, what).await {
        Err(CallError::Stopped(stopped)) => stopped,
        other => panic!("{what} was not stopped: {other:?}"),
    }
}

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_guest_that_runs_too_long_is_stopped() {
    let scene = hostile(Limits { cpu: SHORT, ..Limits::default() }).await;
    assert_eq!(stopped(&scene.host, "spin").await, Stopped::Cpu(SHORT));
    assert_eq!(stopped(&scene.host, "spin-between-waits").await, Stopped::Cpu(SHORT));
    assert!(make(&scene.host, "nothing").await.is_ok());
}

#[tokio::test]
async fn waiting_is_not_running() {
    let scene = hostile(Limits { cpu: Duration::from_millis(50), ..Limits::default() }).await;
    assert_eq!(make(&scene.host, "wait:300").await.unwrap(), "waited");
}

#[tokio::test]
async fn a_guest_that_waits_too_long_is_stopped() {
    let scene = hostile(Limits { wall: Some(SHORT), ..Limits::default() }).await;
    assert_eq!(stopped(&scene.host, "wait").await, Stopped::Wall(SHORT));
}

#[tokio::test]
async fn a_guest_that_grows_without_end_is_stopped() {
    let memory = 8 << 20;
    let scene = hostile(Limits { memory: Some(memory), ..Limits::default() }).await;
    assert_eq!(stopped(&scene.host, "grow").await, Stopped::Memory(memory));
    assert!(make(&scene.host, "nothing").await.is_ok());
}

#[tokio::test]
async fn a_guest_that_breaks_off_ends_its_call_only() {
    let scene = hostile(Limits::default()).await;
    for what in ["panic", "pollables"] {
        let broken = make(&scene.host, what).await;
        assert!(matches!(broken, Err(CallError::Trapped(_))), "{what}: {broken:?}");
    }
    assert!(make(&scene.host, "nothing").await.is_ok());
}

#[tokio::test]
async fn a_guest_that_floods_its_log_finds_it_closed() {
    let scene = hostile(Limits::default()).await;
    assert_eq!(make(&scene.host, "flood").await.unwrap(), "the log is closed");
    assert!(scene.log().iter().map(String::len).sum::<usize>() < 2 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spinning_guests_starve_nobody() {
    let scene = hostile(Limits { cpu: Duration::from_millis(300), ..Limits::default() }).await;
    let spin = |_| {
        let host = scene.host.clone();
        tokio::spawn(async move { make(&host, "spin").await })
    };
    let spinning: Vec<_> = (0..16).map(spin).collect();
    tokio::task::yield_now().await;
    assert!(make(&scene.host, "nothing").await.is_ok());
    assert!(!spinning.iter().all(tokio::task::JoinHandle::is_finished), "it had to wait for all");
    for spun in spinning {
        assert!(matches!(spun.await.unwrap(), Err(CallError::Stopped(Stopped::Cpu(_)))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_guests_wait_at_once() {
    let scene = hostile(Limits { cpu: SHORT, ..Limits::default() }).await;
    let wait = |_| {
        let host = scene.host.clone();
        tokio::spawn(async move { make(&host, "wait:200").await.is_ok() })
    };
    for waited in (0..64).map(wait).collect::<Vec<_>>() {
        assert!(waited.await.unwrap());
    }
}
