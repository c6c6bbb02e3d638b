//! Wrong credentials under load in real time: all callers share one login.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use oge_mock_platform::{Mock, Route};
use serde_json::json;
use tempfile::tempdir;
use tokio::time::{Instant, sleep};

use crate::command::mock;
use crate::mcp::{Session, Transport, serve, with};
use crate::serve::Server;

const TIME: Duration = Duration::from_secs(3);
const WRONG: [(&str, &str); 1] = [("OGE_TOKEN_PASSWORD", "wrong")];

#[track_caller]
fn assert_one_login(mock: &Mock) {
    assert_eq!(mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_wasmtime_serve_with_a_file_log_in_once() {
    let (mock, state) = (mock().await, tempdir().unwrap());
    let settings = with(&mock, &WRONG);
    let server = Server::of(oge_artifacts::gateway(), &settings, Some(state.path()), &[]);
    let (client, url) = (reqwest::Client::new(), server.url("/"));
    let started = Instant::now();
    let callers = (0..16).map(async |_| {
        let mut calls = 0;
        while started.elapsed() < TIME {
            let answer = client.get(&url).send().await.unwrap();
            assert_eq!(answer.status(), 502);
            calls += 1;
        }
        calls
    });
    let calls: usize = join_all(callers).await.into_iter().sum();
    println!("{calls} calls");
    assert_one_login(&mock);
}

/// Calls from 16 tasks of each session for `TIME`. All calls fail.
async fn load(sessions: &[Session]) {
    let started = Instant::now();
    let callers = sessions.iter().flat_map(|session| (0..16).map(move |_| session));
    join_all(callers.map(async |session| {
        while started.elapsed() < TIME {
            let envelope = session.envelope("run_big_query", json!({})).await;
            assert_eq!(envelope["success"], json!(false), "{envelope}");
            sleep(Duration::from_millis(20)).await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_session_over_stdio_logs_in_once() {
    let mock = mock().await;
    let way = (Transport::Stdio, "2025-11-25");
    load(&[Session::start(&with(&mock, &WRONG), way).await]).await;
    assert_one_login(&mock);
}

#[tokio::test(flavor = "multi_thread")]
async fn mcp_clients_of_a_server_with_a_file_log_in_once() {
    let (mock, state) = (mock().await, tempdir().unwrap());
    let server = Arc::new(serve(&with(&mock, &WRONG), Some(state.path()), &[]));
    let sessions = join_all((0..2).map(|_| Session::http(Arc::clone(&server), "2026-07-28"))).await;
    load(&sessions).await;
    assert_one_login(&mock);
}
