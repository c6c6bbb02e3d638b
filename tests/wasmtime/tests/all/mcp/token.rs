//! The token under `wasmtime serve`: what keeps it from one request to the next.

use std::sync::Arc;

use oge_fake::{Fake, Route};
use serde_json::json;
use tempfile::tempdir;

use super::{Session, serve};
use crate::command::{fake, jealous_fake};
use crate::serve::Server;

const VERSION: &str = "2026-07-28";

fn calls() -> usize {
    std::env::var("OGE_CALLS").map_or(5, |calls| calls.parse().expect("OGE_CALLS is a number"))
}

/// Calls one after another; how many logins that took.
async fn logins(fake: &Fake, server: Server) -> usize {
    let session = Session::http(Arc::new(server), VERSION).await;
    for _ in 0..calls() {
        assert_eq!(session.envelope("run_big_query", json!({})).await["success"], true);
    }
    println!("{} token requests for {} calls", fake.count(Route::Token), calls());
    fake.count(Route::Token)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_file_any_number_of_requests_takes_one_login() {
    let (fake, state) = (fake().await, tempdir().unwrap());
    let server = serve(&fake.settings(), Some(state.path()), &[]);
    assert_eq!(logins(&fake, server).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_instance_keeps_its_token() {
    let fake = fake().await;
    let flags = ["--max-instance-reuse-count", "1000", "--idle-instance-timeout", "60s"];
    // Not always 1: a request that arrives before the instance of the one before has come to rest
    // gets another.
    assert!(logins(&fake, serve(&fake.settings(), None, &flags)).await < calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_either_each_request_logs_in() {
    let fake = fake().await;
    assert_eq!(logins(&fake, serve(&fake.settings(), None, &[])).await, calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_on_an_expired_token_log_in_once() {
    let (fake, state) = (jealous_fake().await, tempdir().unwrap());
    let server = Arc::new(serve(&fake.settings(), Some(state.path()), &[]));
    let clients = (0..64).map(|_| Session::http(Arc::clone(&server), VERSION));
    let clients = futures_util::future::join_all(clients).await;
    for logins in 1..=2 {
        let calls = clients.iter().map(|client| client.envelope("run_big_query", json!({})));
        for envelope in futures_util::future::join_all(calls).await {
            assert_eq!(envelope["success"], json!(true), "{envelope}");
        }
        assert_eq!(fake.count(Route::Token), logins);
        fake.revoke_tokens();
    }
}
