//! Every credential has a marker. No output under stock wasmtime contains one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use oge_mock_platform::{Credentials, Fault, Mock, Options, Route, assert_no_secret};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::command::{add_component, invoke, wasmtime};

const BEARER: &str = "MARKER-bearer-of-the-server";

/// Starts a mock whose account has a marker in each credential.
async fn marked_mock() -> Mock {
    Mock::start(Options::default().credentials(Credentials::marked())).await.unwrap()
}

fn settings(mock: &Mock) -> Vec<(String, String)> {
    let mut settings = mock.settings();
    settings.push(("OGE_LOG".to_owned(), "debug".to_owned()));
    settings
}

/// Returns faults whose responses contain a secret.
fn faults() -> [(Route, Fault); 4] {
    let response = |status, body: &'static str| Fault::Response {
        status,
        content_type: "application/json".to_owned(),
        body: body.into(),
    };
    [
        (Route::GetState, Fault::EchoToken),
        (Route::Token, Fault::EchoToken),
        (
            Route::Token,
            response(200, r#"{"code":200,"data":{"jwt":"eyJhbGciOiJIUzI1NiJ9.MARKER.c2ln"}}"#),
        ),
        (Route::Token, response(200, "eyJhbGciOiJIUzI1NiJ9.MARKER.c2ln")),
    ]
}

#[tokio::test]
async fn wasmtime_run_leaks_no_secret_on_any_failure() {
    let mock = marked_mock().await;
    for (route, fault) in faults() {
        mock.clear_all_faults();
        mock.fail(route, fault);
        let output = invoke(&settings(&mock), r#"query-task-status("d", none)"#);
        output.has(&["err("]);
        assert_no_secret(&format!("{}{}", output.result, output.log));
    }
    mock.clear_all_faults();
    mock.fail(Route::GetState, Fault::EchoToken);
    let mine = r#"query-task-status("d", some("eyJhbGciOiJIUzI1NiJ9.TUFSS0VSTUFSS0VS.c2ln"))"#;
    let output = invoke(&settings(&mock), mine);
    output.has(&["err("]);
    assert_no_secret(&format!("{}{}", output.result, output.log));
    let url = format!("{}/other", mock.origin());
    mock.response(Route::Other, 500, "text/plain", "no such key: MARKER-4711");
    let call = format!(
        r#"call("{url}", {{headers: some([("X-Api-Key", "MARKER-4711")]), use-intranet-token: some(true)}})"#
    );
    let output = invoke(&settings(&mock), &call);
    output.has(&["no such key: ***"]);
    assert_no_secret(&format!("{}{}", output.result, output.log));
    let mut given = settings(&mock);
    given.push(("OGE_TOKEN".to_owned(), "MARKER\nbroken".to_owned()));
    let output = invoke(&given, r#"query-task-status("d", none)"#);
    output.has(&["kind: not-configured", "OGE_TOKEN"]);
    assert_no_secret(&format!("{}{}", output.result, output.log));
}

/// A server and its output. Killed on drop.
struct Served {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Served {
    fn start(component: &Path, settings: &[(String, String)]) -> Self {
        let folder = tempdir().unwrap();
        let mut settings = settings.to_vec();
        settings.push(("OGE_TOKEN_FILE".to_owned(), "/state/token".to_owned()));
        let mut command: Command = wasmtime("serve", &settings);
        command.arg("--dir").arg(format!("{}::/state", folder.path().display()));
        command.args(["-S", "cli", "--addr", "127.0.0.1:0"]);
        add_component(&mut command, component);
        let log = |name: &str| File::create(folder.path().join(name)).unwrap();
        let child = command.stdout(log("out")).stderr(log("err")).spawn().unwrap();
        let mut served = Self { child, address: String::new(), folder };
        while served.address.is_empty() {
            std::thread::yield_now();
            let printed = served.printed();
            let line = printed.lines().find_map(|line| line.split("http://").nth(1));
            let line = line.filter(|_| printed.ends_with('\n')).unwrap_or_default();
            line.trim_end_matches('/').clone_into(&mut served.address);
        }
        served
    }

    fn printed(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        format!("{}{}", read("out"), read("err"))
    }

    fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, body.len());
        write!(
            stream,
            "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nAuthorization: Bearer {BEARER}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn wasmtime_serve_leaks_no_secret_on_any_failure() {
    let mock = marked_mock().await;
    let served = Served::start(oge_artifacts::gateway(), &settings(&mock));
    for (route, fault) in faults() {
        mock.clear_all_faults();
        mock.fail(route, fault);
        mock.revoke_tokens();
        let answer = served.ask("GET /", "");
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert_no_secret(&answer);
    }
    assert_no_secret(&served.printed());
}

/// Returns faults that repeat secrets which the call did not send.
fn repeats(secrets: &[String]) -> [(Route, Fault); 2] {
    let text = secrets.join(" and ");
    let response = |status, content_type: &str, body: String| Fault::Response {
        status,
        content_type: content_type.to_owned(),
        body: body.into(),
    };
    let json = json!({"code": 500, "msg": text}).to_string();
    [
        (Route::GetState, response(500, "text/html", format!("<h1>{text}</h1>"))),
        (Route::GetState, response(200, "application/json", json)),
    ]
}

/// Returns the secrets in the MCP server's settings.
fn given() -> Vec<String> {
    let Credentials { password, client_secret, .. } = Credentials::marked();
    vec![password, client_secret, BEARER.to_owned()]
}

fn call(tool: &str, arguments: &Value) -> String {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}).to_string()
}

/// Returns calls that send a secret or get one back.
fn calls() -> [String; 3] {
    [
        call("query_task_status", &json!({"dag_id": "d"})),
        call(
            "query_task_status",
            &json!({"dag_id": "d", "auth_token": "eyJhbGciOiJIUzI1NiJ9.TUFSS0VSTUFSS0VS.c2ln"}),
        ),
        call("query_task_status", &json!({"dag_id": "d", "auth_token": {"MARKER": "MARKER"}})),
    ]
}

#[tokio::test]
async fn the_mcp_server_over_http_leaks_no_secret_on_any_failure() {
    let mock = marked_mock().await;
    let mut settings = settings(&mock);
    settings.push(("OGE_MCP_BEARER".to_owned(), BEARER.to_owned()));
    let served = Served::start(oge_artifacts::mcp(), &settings);
    for (route, fault) in repeats(&given()).into_iter().chain(faults()) {
        mock.clear_all_faults();
        mock.fail(route, fault);
        mock.revoke_tokens();
        for message in calls() {
            let answer = served.ask("POST /mcp", &message);
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert_no_secret(&answer);
        }
    }
    for message in ["{\"MARKER\":", "[\"MARKER\"]", &call("MARKER_tool", &json!({}))] {
        served.ask("POST /mcp", message);
    }
    assert_no_secret(&served.printed());
}

#[tokio::test]
async fn the_mcp_server_over_stdio_leaks_no_secret_on_any_failure() {
    let mock = marked_mock().await;
    let folder = tempdir().unwrap();
    let mut settings = settings(&mock);
    settings.push(("OGE_MCP_BEARER".to_owned(), BEARER.to_owned()));
    let mut command = wasmtime("run", &settings);
    command.args(["-S", "http"]);
    add_component(&mut command, oge_artifacts::mcp());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child =
        command.stderr(File::create(folder.path().join("err")).unwrap()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let client = json!({"name": "tests", "version": "1"});
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    writeln!(to, "{hello}").unwrap();
    from.next().unwrap();
    writeln!(to, "{}", json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).unwrap();
    let mut answers = String::new();
    // Two calls with different tokens.
    let [message, ..] = calls();
    for _ in 0..2 {
        writeln!(to, "{message}").unwrap();
        answers.push_str(&from.next().unwrap());
        mock.revoke_tokens();
    }
    let sent = mock.requests(Route::GetState);
    let sent = sent.iter().map(|request| request.header("authorization").unwrap().to_owned());
    let sent: BTreeSet<_> = sent.collect();
    assert_eq!(sent.len(), 2);
    for (route, fault) in repeats(&Vec::from_iter(sent)) {
        mock.fail(route, fault);
        writeln!(to, "{message}").unwrap();
        answers.push_str(&from.next().unwrap());
    }
    for (route, fault) in repeats(&given()).into_iter().chain(faults()) {
        mock.clear_all_faults();
        mock.fail(route, fault);
        mock.revoke_tokens();
        for message in calls() {
            writeln!(to, "{message}").unwrap();
            answers.push_str(&from.next().unwrap());
        }
    }
    drop(to);
    answers.extend(from);
    let _ = child.wait();
    assert_no_secret(&answers);
    assert_no_secret(&std::fs::read_to_string(folder.path().join("err")).unwrap());
}
