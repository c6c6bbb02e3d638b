//! One login for many machines: processes of all kinds that share nothing but a cluster of three etcd.

mod cluster;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use oge_mock_platform::{Mock, Options, Route};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use self::cluster::Cluster;
use crate::command::{CommandOutput, add_component, oge, single_session_mock, wasmtime};
use crate::mcp::Transport::{OgeStdio, Stdio as WasmtimeStdio};
use crate::mcp::{Session, oge_serve, serve, with};

const VERSION: &str = "2026-07-28";
const CALL: &str = r#"query-task-status("d", none)"#;

/// Returns the mock's settings with those of the cluster.
fn settings(mock: &Mock, cluster: &Cluster) -> Vec<(String, String)> {
    with(mock, &[("OGE_TOKEN_ETCD", &cluster.endpoints())])
}

/// Returns the settings of a user of etcd's own authentication.
fn as_user(mock: &Mock, endpoints: &str, name: &str, password: &str) -> Vec<(String, String)> {
    let user = [("OGE_TOKEN_ETCD_USERNAME", name), ("OGE_TOKEN_ETCD_PASSWORD", password)];
    with(mock, &[("OGE_TOKEN_ETCD", endpoints), user[0], user[1]])
}

/// Calls one function of the standalone component in a process of its own.
fn command(settings: &[(String, String)]) -> Command {
    let mut command = wasmtime("run", settings);
    command.args(["-S", "http", "--invoke", CALL]);
    add_component(&mut command, oge_artifacts::standalone());
    command
}

/// Asserts that each of four processes at once gets its answer.
fn four_processes_succeed(settings: &[(String, String)]) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| invoke(settings).holds(&["attempts: 1"]));
        }
    });
}

fn invoke(settings: &[(String, String)]) -> CommandOutput {
    CommandOutput::of(command(settings))
}

fn spawn(settings: &[(String, String)]) -> Child {
    let mut command = command(settings);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("wasmtime runs")
}

/// Calls a tool with `oge call`, which holds the token natively.
fn oge_call(settings: &[(String, String)]) -> String {
    let mut command = oge("call", settings);
    let output = command.args(["query_task_status", "--dag-id", "d"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until the mock has seen this many logins.
async fn logins(mock: &Mock, count: usize) {
    while mock.count(Route::Token) < count {
        sleep(Duration::from_millis(10)).await;
    }
}

async fn envelope(session: &Session) -> Value {
    session.envelope("query_task_status", json!({ "dag_id": "d" })).await
}

/// Starts six servers, of each kind, and a client of each.
async fn servers(settings: &[(String, String)]) -> Vec<Session> {
    let reuse = ["--max-instance-reuse-count", "1000", "--idle-instance-timeout", "60s"];
    let fresh = Arc::new(serve(settings, None, &[]));
    let reused = Arc::new(serve(settings, None, &reuse));
    let native = Arc::new(oge_serve(settings, None, &[]));
    vec![
        Session::http(fresh, VERSION).await,
        Session::http(reused, VERSION).await,
        Session::http(native, VERSION).await,
        Session::stdio(settings, (WasmtimeStdio, VERSION)).await,
        Session::stdio(settings, (WasmtimeStdio, VERSION)).await,
        Session::stdio(settings, (OgeStdio, VERSION)).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn two_hundred_callers_in_six_processes_share_one_login() {
    let (mock, cluster) = (single_session_mock().await, Cluster::start().await);
    let settings = settings(&mock, &cluster);
    let sessions = servers(&settings).await;
    for session in &sessions {
        assert_eq!(envelope(session).await["success"], true);
    }
    assert_eq!(mock.count(Route::Token), 1);
    mock.revoke_tokens();
    let callers = (0..200).map(|caller| envelope(&sessions[caller % sessions.len()]));
    for envelope in join_all(callers).await {
        assert_eq!(envelope["success"], true, "{envelope}");
    }
    assert_eq!(mock.count(Route::Token), 2);
}

/// Processes that begin with a call, as those of a command line do.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn new_processes_at_once_share_one_login() {
    let (mock, cluster) = (single_session_mock().await, Cluster::start().await);
    let settings = settings(&mock, &cluster);
    for logins in 1..=2 {
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| invoke(&settings).holds(&[]));
                scope.spawn(|| oge_call(&settings));
            }
        });
        assert_eq!(mock.count(Route::Token), logins);
        mock.revoke_tokens();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn a_leader_that_dies_during_the_login_costs_no_call_and_no_login() {
    let slow = Options::default().single_session(true).latency(Duration::from_millis(1500));
    let (mock, mut cluster) = (Mock::start(slow).await.unwrap(), Cluster::start().await);
    let settings = settings(&mock, &cluster);
    let leader = cluster.leader().await.unwrap();
    let calls = {
        let settings = settings.clone();
        tokio::task::spawn_blocking(move || {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| invoke(&settings).holds(&[]));
                }
            });
        })
    };
    logins(&mock, 1).await;
    cluster.kill(leader);
    calls.await.unwrap();
    invoke(&settings).holds(&["attempts: 1"]);
    assert_eq!(mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn a_holder_that_dies_during_the_login_is_replaced_after_its_lease() {
    let slow = Options::default().single_session(true).latency(Duration::from_millis(1500));
    let (mock, cluster) = (Mock::start(slow).await.unwrap(), Cluster::start().await);
    let settings = settings(&mock, &cluster);
    let mut holder = spawn(&settings);
    logins(&mock, 1).await;
    holder.kill().unwrap();
    holder.wait().unwrap();
    let started = Instant::now();
    let output = invoke(&settings);
    output.holds(&["attempts: 1"]);
    assert!(output.log.contains("another machine"), "{}", output.log);
    assert!(started.elapsed() < Duration::from_secs(55), "{:?}", started.elapsed());
    assert_eq!(mock.count(Route::Token), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn a_member_that_is_cut_off_costs_no_call() {
    let (mock, cluster) = (single_session_mock().await, Cluster::start().await);
    let settings = settings(&mock, &cluster);
    cluster.freeze(0);
    four_processes_succeed(&settings);
    assert_eq!(mock.count(Route::Token), 1);
}

/// The check of a password may take six seconds, so a silent member takes all the time that a call is repeated for.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn a_silent_member_costs_no_call_of_a_user() {
    let (mock, cluster) = (single_session_mock().await, Cluster::start().await);
    let leader = cluster.leader().await.expect("it was elected");
    cluster.require_user("etcd-password").await;
    // Not the leader, so that the others need not elect another one meanwhile.
    let silent = (leader + 1) % 3;
    cluster.freeze(silent);
    // A process starts with one of these at random: most with the silent member.
    let endpoints = [silent, silent, leader].map(|index| cluster.endpoint(index)).join(",");
    let settings = as_user(&mock, &endpoints, "oge", "etcd-password");
    four_processes_succeed(&settings);
    assert_eq!(mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn without_a_majority_a_good_token_is_served_and_nobody_logs_in() {
    let (mock, mut cluster) = (single_session_mock().await, Cluster::start().await);
    let settings = settings(&mock, &cluster);
    let sessions = servers(&settings).await;
    for session in &sessions {
        assert_eq!(envelope(session).await["success"], true);
    }
    cluster.kill(0);
    cluster.kill(1);
    // All but the server whose instances live for one request hold the token.
    for session in &sessions[2..] {
        assert_eq!(envelope(session).await["success"], true);
    }
    let refused = invoke(&settings);
    refused.has(&["kind: token-store", "OGE_TOKEN_ETCD", cluster.endpoint(2), "no login is made"]);
    assert_eq!(mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn a_cluster_that_restarts_with_empty_disks_costs_one_login() {
    let (mock, mut cluster) = (single_session_mock().await, Cluster::start().await);
    let settings = settings(&mock, &cluster);
    let session = Session::stdio(&settings, (OgeStdio, VERSION)).await;
    assert_eq!(envelope(&session).await["success"], true);
    cluster.wipe().await;
    // The process still has the token that the cluster has lost.
    assert_eq!(envelope(&session).await["success"], true);
    assert_eq!(mock.count(Route::Token), 1);
    invoke(&settings).holds(&["attempts: 1"]);
    // That login ended the first token. The new one is in the cluster.
    assert_eq!(envelope(&session).await["success"], true);
    assert_eq!(mock.count(Route::Token), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(all(has_etcd, has_faketime)), ignore = "needs etcd and faketime")]
async fn a_clock_ten_minutes_ahead_makes_no_login() {
    let (mock, cluster) = (single_session_mock().await, Cluster::start().await);
    let settings = settings(&mock, &cluster);
    let ahead = || {
        let usual = command(&settings);
        let mut ahead = Command::new("faketime");
        ahead.args(["--exclude-monotonic", "-f", "+10m"]).arg(usual.get_program());
        ahead.args(usual.get_args()).env_clear().envs(settings.iter().cloned());
        CommandOutput::of(ahead)
    };
    invoke(&settings).holds(&["attempts: 1"]);
    ahead().holds(&["attempts: 1"]);
    assert_eq!(mock.count(Route::Token), 1);
    mock.revoke_tokens();
    ahead().holds(&["attempts: 2"]);
    for _ in 0..3 {
        invoke(&settings).holds(&["attempts: 1"]);
        ahead().holds(&["attempts: 1"]);
    }
    assert_eq!(mock.count(Route::Token), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn a_wrong_password_is_tried_once_by_the_whole_fleet() {
    let (mock, cluster) = (single_session_mock().await, Cluster::start().await);
    let wrong =
        with(&mock, &[("OGE_TOKEN_ETCD", &cluster.endpoints()), ("OGE_TOKEN_PASSWORD", "wrong")]);
    let started = Instant::now();
    let sessions = servers(&wrong).await;
    for _ in 0..3 {
        for envelope in join_all(sessions.iter().map(envelope)).await {
            assert_eq!(envelope["success"], false);
        }
        invoke(&wrong).has(&["kind: token-store"]);
    }
    // The second try is allowed after a minute.
    let tries = 1 + usize::from(started.elapsed() > Duration::from_secs(60));
    assert!((1..=tries).contains(&mock.count(Route::Token)), "{}", mock.count(Route::Token));
    // A corrected password is tried at once, and serves everybody.
    let right = settings(&mock, &cluster);
    let before = mock.count(Route::Token);
    invoke(&right).holds(&["attempts: 1"]);
    assert_eq!(mock.count(Route::Token), before + 1);
    assert_eq!(envelope(&sessions[0]).await["success"], true);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn a_cluster_with_users_wants_the_right_one() {
    const PASSWORD: &str = "etcd-password-5e1d";
    let (mock, mut cluster) = (single_session_mock().await, Cluster::start().await);
    cluster.require_user(PASSWORD).await;
    let endpoints = cluster.endpoints();
    let as_user = |name: &str, password: &str| as_user(&mock, &endpoints, name, password);
    let nobody = invoke(&settings(&mock, &cluster));
    nobody.has(&["kind: token-store", "OGE_TOKEN_ETCD_USERNAME", "OGE_TOKEN_ETCD_PASSWORD"]);
    for (name, password) in [("oge", "wrong-password-77"), ("somebody", PASSWORD)] {
        let refused = invoke(&as_user(name, password));
        refused.has(&["kind: token-store", "check OGE_TOKEN_ETCD_USERNAME"]);
        for text in [refused.result, refused.log] {
            assert!(!text.contains(password), "{text}");
        }
    }
    assert_eq!(mock.count(Route::Token), 0);

    let right = as_user("oge", PASSWORD);
    let session = Session::stdio(&right, (OgeStdio, VERSION)).await;
    let component = Session::stdio(&right, (WasmtimeStdio, VERSION)).await;
    for session in [&session, &component] {
        assert_eq!(envelope(session).await["success"], true);
    }
    // The members forget the tokens of their users when they restart.
    cluster.restart().await;
    mock.revoke_tokens();
    for session in [&session, &component] {
        assert_eq!(envelope(session).await["success"], true);
    }
    assert_eq!(mock.count(Route::Token), 2);
    let mut elsewhere = right;
    elsewhere.push(("OGE_TOKEN_ETCD_KEY".to_owned(), "other/token".to_owned()));
    invoke(&elsewhere).has(&["kind: token-store", "other/token"]);
}

#[tokio::test]
async fn a_bad_endpoint_is_refused_before_anything_is_sent() {
    let mock = single_session_mock().await;
    for (endpoint, problem) in [
        ("127.0.0.1:2379", "must be an absolute URL"),
        ("grpc://127.0.0.1:2379", "must start with http:// or https://"),
        ("http://user:secret-91@127.0.0.1:2379", "must not hold a user name or password"),
        ("http://127.0.0.1:2379/v3", "must be only a scheme, a host and a port"),
    ] {
        let settings = with(&mock, &[("OGE_TOKEN_ETCD", endpoint)]);
        let refused = invoke(&settings);
        refused.has(&["kind: not-configured", "OGE_TOKEN_ETCD", problem]);
        assert!(!refused.result.contains("secret-91"), "{}", refused.result);
        let mut command = oge("call", &settings);
        let output = command.args(["query_task_status", "--dag-id", "d"]).output().unwrap();
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains("OGE_TOKEN_ETCD") && shown.contains(problem), "{shown}");
    }
    assert!(mock.all_requests().is_empty());
}

/// A server that answers, but is no etcd.
#[tokio::test]
async fn another_server_than_etcd_is_named() {
    let mock = single_session_mock().await;
    let settings = with(&mock, &[("OGE_TOKEN_ETCD", mock.origin())]);
    invoke(&settings).has(&["kind: token-store", "OGE_TOKEN_ETCD", "check its port"]);
    // So does a service with a gateway like etcd's.
    mock.response(Route::Other, 404, "application/json", r#"{"code":5,"message":"Not Found"}"#);
    invoke(&settings).has(&["kind: token-store", "OGE_TOKEN_ETCD", "check its port"]);
    assert_eq!(mock.count(Route::Token), 0);
}
