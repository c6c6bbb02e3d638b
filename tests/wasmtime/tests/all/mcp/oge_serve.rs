//! `oge serve` holds its load: limits on calls and connections, and a graceful end.

use std::io;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use oge_mock_platform::{Fault, Mock, Options, Route};
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::time::{Instant, sleep};

use super::connection_limit::is_answered;
use super::{BEARER, Session, connection_limit, oge_serve, with};
use crate::command::{mock, single_session_mock};
use crate::serve::Server;

fn connect(server: &Server) -> TcpStream {
    let address = server.url("");
    let stream = TcpStream::connect(address.trim_start_matches("http://")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends a call and returns its connection.
fn try_begin(server: &Server) -> io::Result<TcpStream> {
    connection_limit::begin(server.url("").trim_start_matches("http://"))
}

fn begin(server: &Server) -> TcpStream {
    try_begin(server).expect("it listens")
}

fn read(call: TcpStream) -> String {
    connection_limit::read(call).unwrap()
}

/// Calls until a call is answered. Some are refused, or their connections closed, while the server is full.
async fn until_answered(server: &Server) {
    let started = Instant::now();
    loop {
        let answer = try_begin(server).and_then(connection_limit::read);
        if answer.as_deref().is_ok_and(is_answered) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{answer:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "it did not happen");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_too_many_gets_503_with_retry_after() {
    let mock = mock().await;
    mock.fail(Route::GetState, Fault::Hang);
    let server = oge_serve(&mock.settings(), None, &["--max-calls", "2"]);
    let waiting = [begin(&server), begin(&server)];
    until(|| mock.count(Route::GetState) == 2).await;
    let refused = read(begin(&server)).to_ascii_lowercase();
    assert!(refused.starts_with("http/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
    // Other requests are served.
    let health = reqwest::get(server.url("/healthz")).await.unwrap();
    assert_eq!(health.status(), 200);
    // A client that disconnects frees its place.
    drop(waiting);
    mock.clear_all_faults();
    mock.start_task("d");
    until_answered(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_gets_503_and_does_not_end_the_server() {
    let mock = mock().await;
    mock.start_task("d");
    let server = oge_serve(&mock.settings(), None, &["--max-connections", "8"]);
    let idle: Vec<_> = (0..8).map(|_| connect(&server)).collect();
    // The server accepts in order, so these are too many.
    for _ in 0..3 {
        let refused = read(begin(&server));
        assert!(
            refused.starts_with("HTTP/1.1 503") && refused.contains("Retry-After: 1"),
            "{refused}"
        );
    }
    let crowd: Vec<_> = (0..500).map(|_| connect(&server)).collect();
    drop((idle, crowd));
    until_answered(&server).await;
}

/// macOS allows 256 open files by default, and stock `wasmtime serve` exits if it cannot open one.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_server_fits_the_limit_of_open_files() {
    let mock = mock().await;
    mock.start_task("d");
    let settings = with(&mock, &[("OGE_MCP_BEARER", BEARER)]);
    let limited = |more: &str| {
        let mut command = Command::new("sh");
        let oge = env!("CARGO_BIN_EXE_oge-command");
        command.args(["-c", &format!("ulimit -n 256 && exec '{oge}' serve :0 {more}")]);
        command.env_clear().envs(settings.iter().cloned()).stdin(Stdio::null());
        command
    };
    let server = Server::start_command(limited("--max-calls 32"));
    let idle: Vec<_> = (0..400).map(|_| connect(&server)).collect();
    sleep(Duration::from_secs(1)).await;
    drop(idle);
    until_answered(&server).await;
    // With the default of 256 calls there is no room for a connection.
    let refused = limited("").stderr(Stdio::piped()).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let log = String::from_utf8(refused.stderr).unwrap();
    assert!(log.contains("256 files") && log.contains("--max-calls"), "{log}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_lets_calls_finish_and_refuses_new_connections() {
    let options = Options::default().latency(Duration::from_secs(2));
    let mock = Mock::start(options).await.unwrap();
    mock.start_task("d");
    let mut server = oge_serve(&with(&mock, &[("OGE_TOKEN", &mock.issue_token())]), None, &[]);
    let call = begin(&server);
    let idle = connect(&server);
    until(|| mock.count(Route::GetState) == 1).await;
    let id = server.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let answer = tokio::task::spawn_blocking(|| read(call)).await.unwrap();
    assert!(answer.contains(r#""success":true"#), "{answer}");
    let status = server.wait();
    assert!(status.success(), "{status}");
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_and_a_restart_share_one_login() {
    let (mock, state) = (single_session_mock().await, tempdir().unwrap());
    for logins in [1, 2] {
        let server = Arc::new(oge_serve(&mock.settings(), Some(state.path()), &[]));
        let clients = (0..64).map(|_| Session::http(Arc::clone(&server), "2026-07-28"));
        let clients = futures_util::future::join_all(clients).await;
        let calls = clients.iter().map(|client| client.envelope("run_big_query", json!({})));
        for envelope in futures_util::future::join_all(calls).await {
            assert_eq!(envelope["success"], json!(true), "{envelope}");
        }
        assert_eq!(mock.count(Route::Token), logins);
        drop((clients, server));
        // The next server finds the file's token, which has expired.
        mock.revoke_tokens();
    }
}

/// A corrected settings file is used at the next request, also its access rules.
#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_settings_file_is_used_at_once() {
    let mock = mock().await;
    let directory = tempdir().unwrap();
    let path = directory.path().join("site.env");
    let write = |settings: &[(String, String)]| {
        let lines = settings.iter().map(|(key, value)| format!("{key}={value}\n"));
        std::fs::write(&path, lines.collect::<String>()).unwrap();
    };
    write(&with(&mock, &[("OGE_TOKEN_PASSWORD", "wrong")]));
    let file = [("OGE_SETTINGS_FILE".to_owned(), path.to_str().unwrap().to_owned())];
    let server = Arc::new(Server::oge(&file, None, &[]));
    assert!(read(begin(&server)).contains("503"));
    write(&with(&mock, &[("OGE_TOKEN_PASSWORD", "wrong"), ("OGE_MCP_BEARER", BEARER)]));
    let session = Session::http(Arc::clone(&server), "2025-11-25").await;
    let failure: Value = session.envelope("run_big_query", json!({})).await;
    assert_eq!(failure["error"]["kind"], "token-store", "{failure}");
    write(&with(&mock, &[("OGE_MCP_BEARER", BEARER)]));
    let envelope = session.envelope("run_big_query", json!({})).await;
    assert_eq!(envelope["success"], json!(true), "{envelope}");
    std::fs::write(&path, "no setting").unwrap();
    let answer = read(begin(&server));
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("OGE_SETTINGS_FILE"), "{answer}");
}
