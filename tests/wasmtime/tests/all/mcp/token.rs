//! The token under `wasmtime serve`: a token file or a reused instance keeps it between requests.

use std::sync::Arc;

use oge_mock_platform::{Mock, Route};
use serde_json::json;
use tempfile::tempdir;

use super::{Session, serve};
use crate::command::{mock, single_session_mock};
use crate::serve::Server;

const VERSION: &str = "2026-07-28";

fn calls() -> usize {
    std::env::var("OGE_CALLS").map_or(5, |calls| calls.parse().expect("OGE_CALLS is a number"))
}

/// Makes calls one after another and returns the number of logins.
async fn logins(mock: &Mock, server: Server) -> usize {
    let session = Session::http(Arc::new(server), VERSION).await;
    for _ in 0..calls() {
        assert_eq!(session.envelope("run_big_query", json!({})).await["success"], true);
    }
    println!("{} token requests for {} calls", mock.count(Route::Token), calls());
    mock.count(Route::Token)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_file_all_requests_share_one_login() {
    let (mock, state) = (mock().await, tempdir().unwrap());
    let server = serve(&mock.settings(), Some(state.path()), &[]);
    assert_eq!(logins(&mock, server).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_instance_keeps_its_token() {
    let mock = mock().await;
    let flags = ["--max-instance-reuse-count", "1000", "--idle-instance-timeout", "60s"];
    // Not always 1: a request gets a new instance if it arrives before the previous instance is idle.
    assert!(logins(&mock, serve(&mock.settings(), None, &flags)).await < calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_or_reuse_each_request_logs_in() {
    let mock = mock().await;
    assert_eq!(logins(&mock, serve(&mock.settings(), None, &[])).await, calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_with_an_expired_token_log_in_once() {
    let (mock, state) = (single_session_mock().await, tempdir().unwrap());
    let server = Arc::new(serve(&mock.settings(), Some(state.path()), &[]));
    let clients = (0..64).map(|_| Session::http(Arc::clone(&server), VERSION));
    let clients = futures_util::future::join_all(clients).await;
    for logins in 1..=2 {
        let calls = clients.iter().map(|client| client.envelope("run_big_query", json!({})));
        for envelope in futures_util::future::join_all(calls).await {
            assert_eq!(envelope["success"], json!(true), "{envelope}");
        }
        assert_eq!(mock.count(Route::Token), logins);
        mock.revoke_tokens();
    }
}
