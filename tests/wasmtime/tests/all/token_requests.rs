//! The number of logins of each way to run the tools. docs/embedding.md gives it for a hundred calls:
//! `OGE_CALLS=100 cargo test --test all token_requests -- --nocapture`.

use oge_host::Host;
use oge_mock_platform::Route;
use oge_tools::tools::{QueryTaskStatus, query_task_status};
use tempfile::tempdir;

use crate::serve::Server;
use crate::{command, config};

const CALL: &str = r#"query-task-status("d", none)"#;

fn calls() -> usize {
    std::env::var("OGE_CALLS").map_or(3, |calls| calls.parse().expect("OGE_CALLS is a number"))
}

/// Prints and asserts the number of logins.
#[track_caller]
fn assert_logins(way: &str, logins: usize, expected: usize) {
    println!("{way:<44} {logins:>4} token requests for {} calls", calls());
    assert_eq!(logins, expected, "{way}");
}

#[tokio::test]
async fn the_reference_host_logs_in_once() {
    let mock = command::mock().await;
    let host = Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
        .settings(mock.settings())
        .log(|_| {})
        .build()
        .unwrap();
    let arguments = query_task_status::Arguments { dag_id: "d".into(), auth_token: None };
    for _ in 0..calls() {
        host.run::<QueryTaskStatus>(&arguments).await.unwrap();
    }
    assert_logins("reference host", mock.count(Route::Token), 1);
}

#[tokio::test]
async fn wasmtime_run_logs_in_each_time_or_once_with_a_file() {
    let mock = command::mock().await;
    for _ in 0..calls() {
        command::invoke(&mock.settings(), CALL).holds(&[]);
    }
    assert_logins("wasmtime run", mock.count(Route::Token), calls());
    mock.clear_requests();
    let directory = tempdir().unwrap();
    for _ in 0..calls() {
        command::invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&[]);
    }
    assert_logins("wasmtime run, OGE_TOKEN_FILE", mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wasmtime_serve_logs_in_each_time_or_once_with_a_file() {
    let mock = command::mock().await;
    let server = Server::start(&mock, None);
    for _ in 0..calls() {
        server.ask_at_once(1);
    }
    assert_logins("wasmtime serve", mock.count(Route::Token), calls());
    mock.clear_requests();
    let directory = tempdir().unwrap();
    let server = Server::start(&mock, Some(directory.path()));
    for _ in 0..calls() {
        server.ask_at_once(1);
    }
    assert_logins("wasmtime serve, OGE_TOKEN_FILE", mock.count(Route::Token), 1);
}

#[tokio::test]
async fn a_host_like_wassette_logs_in_each_time() {
    let mock = command::mock().await;
    for _ in 0..calls() {
        config::invoke(&mock.settings(), CALL).holds(&[]);
    }
    assert_logins("a fresh instance a call, wasi:config", mock.count(Route::Token), calls());
}
