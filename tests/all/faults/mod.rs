//! Each fault of the platform, and the failure it is. After each, the next call works.

use std::time::{Duration, Instant};

use oge_fake::{Fault, Options, Route};
use oge_host::CallError;
use oge_tools::error::FailureKind::{
    self, Api, Forbidden, Network, ReplyTooLarge, Timeout, TokenStore,
};
use oge_tools::tools::{RunBigQuery, run_big_query};

use crate::scene::Scene;

/// A fault on the way to a task's state: the failure's kind, and the status it carries.
fn faults() -> Vec<(Fault, FailureKind, Option<u16>)> {
    let milliseconds = Duration::from_millis;
    vec![
        (Fault::Delay(milliseconds(60_000)), Timeout, None),
        (Fault::Drip { every: milliseconds(400) }, Timeout, None),
        (Fault::Hang, Timeout, None),
        (Fault::Cut, Network, None),
        (Fault::CutBody, Network, None),
        (Fault::LongLength, Network, None),
        (Fault::Huge(3_000_000), ReplyTooLarge, None),
        (Fault::Status(204), Api, Some(204)),
        (Fault::Status(302), Api, Some(302)),
        (Fault::Status(400), Api, Some(400)),
        (Fault::Status(403), Forbidden, Some(403)),
        (Fault::Status(404), Api, Some(404)),
        (Fault::Status(500), Api, Some(500)),
        (Fault::Status(503), Api, Some(503)),
        (Fault::Code(500), Api, Some(200)),
        (Fault::Code(40_001), Api, Some(200)),
        (Fault::EchoToken, Api, Some(500)),
    ]
}

#[expect(clippy::disallowed_methods, reason = "the deadline is what is measured")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn each_fault_is_its_kind_within_the_deadline_and_does_not_last() {
    let scene =
        Scene::set(&[("OGE_TIMEOUT_SECONDS", "1"), ("OGE_MAX_REPLY_BYTES", "1000000")]).await;
    scene.host.refresh_token().await.unwrap();
    for (fault, kind, status) in faults() {
        scene.fake.fail(Route::GetState, fault.clone());
        let started = now();
        let failure = scene.ask().await.unwrap_err();
        let elapsed = started.elapsed();
        assert_eq!((failure.kind, failure.http_status), (kind, status), "{fault:?}: {failure}");
        assert_eq!(failure.attempts, 1, "{fault:?}");
        assert!(elapsed < Duration::from_millis(1300), "{fault:?} took {elapsed:?}");
        assert!(kind != Timeout || elapsed >= Duration::from_secs(1), "{fault:?}: {elapsed:?}");
        scene.fake.heal_all();
        assert!(scene.ask().await.is_ok(), "after {fault:?}");
    }
    assert_eq!(scene.fake.count(Route::Token), 1);
}

#[tokio::test]
async fn each_fault_of_the_login_is_the_token_stores_and_does_not_last() {
    let milliseconds = Duration::from_millis;
    for fault in [
        Fault::Cut,
        Fault::CutBody,
        Fault::LongLength,
        Fault::NotJson,
        Fault::Empty,
        Fault::InvalidUtf8,
        Fault::Huge(3_000_000),
        Fault::Status(302),
        Fault::Status(500),
        Fault::Code(500),
    ] {
        let scene = Scene::new().await;
        scene.fake.fail(Route::Token, fault.clone());
        let failure = scene.ask().await.unwrap_err();
        assert_eq!((failure.kind, failure.attempts), (TokenStore, 0), "{fault:?}: {failure}");
        scene.fake.heal_all();
        assert!(scene.ask().await.is_ok(), "after {fault:?}");
    }
    let scene = Scene::new().await;
    scene.fake.fail(Route::Token, Fault::Delay(milliseconds(300)));
    assert!(scene.ask().await.is_ok(), "a slow login is waited for");
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_said_to_be() {
    let settings = {
        let gone = oge_fake::Fake::start(Options::default()).await.unwrap();
        gone.dag_url()
    };
    let scene = Scene::set(&[("OGE_DAG_URL", &settings), ("OGE_TOKEN", "given")]).await;
    let failure = scene.ask().await.unwrap_err();
    assert_eq!((failure.kind, failure.attempts), (Network, 1));
    let origin = settings.split("/api").next().unwrap();
    let expected = format!("no answer from {origin} after 0.");
    assert!(failure.message.starts_with(&expected), "{failure}");
    assert!(failure.message.ends_with("s: connection refused"), "{failure}");
}

#[tokio::test]
async fn a_reply_that_grows_when_it_is_kept_is_too_large_and_nothing_worse() {
    const MOST: usize = 8 << 20;
    let scene = Scene::set(&[("OGE_MAX_REPLY_BYTES", &MOST.to_string())]).await;
    let query = run_big_query::Arguments::default();
    for (body, fits) in [
        (vec![b'a'; MOST - 4096], true),
        (vec![b'"'; MOST - 4096], false),
        (vec![1; MOST - 4096], false),
        (vec![0xff; MOST - 4096], false),
    ] {
        scene.fake.reply(Route::Process, 200, "application/octet-stream", body);
        let result = scene.host.run::<RunBigQuery>(&query).await;
        match result {
            Ok(_) => assert!(fits),
            Err(CallError::Failure(failure)) => {
                assert_eq!((failure.kind, fits), (ReplyTooLarge, false), "{failure}");
            }
            Err(error) => panic!("the sandbox ended: {error}"),
        }
    }
}
