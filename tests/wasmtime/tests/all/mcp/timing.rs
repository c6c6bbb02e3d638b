//! The time of startup and calls. `--nocapture` prints it.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{ClientRequest, PingRequest};
use serde_json::json;
use tempfile::tempdir;
use tokio::time::Instant;

use super::{STDIO, Session, serve};
use crate::command::{mock, precompiled};

const CALLS: u32 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn startup_and_calls_stay_within_time_limits() {
    let (mock, state) = (mock().await, tempdir().unwrap());
    precompiled(oge_artifacts::mcp());

    let started = Instant::now();
    let stdio = Session::stdio(&mock.settings(), STDIO[0]).await;
    let start = started.elapsed();
    let started = Instant::now();
    for _ in 0..CALLS {
        let ping = ClientRequest::PingRequest(PingRequest::default());
        stdio.client.send_request(ping).await.unwrap();
    }
    let ping = started.elapsed() / CALLS;
    let over_stdio = calls(&stdio).await;
    let http =
        Session::http(Arc::new(serve(&mock.settings(), Some(state.path()), &[])), "2026-07-28");
    let over_http = calls(&http.await).await;
    println!("start to initialize answered: {start:?}; ping {ping:?}");
    println!("run_big_query over stdio {over_stdio:?}, over HTTP {over_http:?}");
    assert!(start < Duration::from_secs(2), "{start:?}");
    assert!(over_stdio < Duration::from_millis(100), "{over_stdio:?}");
    assert!(over_http < Duration::from_millis(200), "{over_http:?}");
}

/// Returns the mean time of a call, without the login.
async fn calls(session: &Session) -> Duration {
    session.call("run_big_query", json!({})).await;
    let started = Instant::now();
    for _ in 0..CALLS {
        session.call("run_big_query", json!({})).await;
    }
    started.elapsed() / CALLS
}
