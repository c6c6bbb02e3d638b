//! What an operator sees: the log as JSON, a trace across programs, and counters.

use std::collections::BTreeSet;

use oge_mock_platform::{Mock, Route};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::{BEARER, oge_serve, serve, with};
use crate::command::{CommandOutput, add_component, mock, oge, wasmtime};
use crate::serve::Server;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn parent(span: &str) -> String {
    format!("00-{TRACE}-{span}-01")
}

/// Starts each server with a log in JSON. The component keeps its instance between requests.
fn servers(mock: &Mock) -> [Server; 2] {
    let settings = with(mock, &[("OGE_LOG", "debug"), ("OGE_LOG_FORMAT", "json")]);
    let flags = [
        "--no-logging-prefix",
        "--max-instance-reuse-count",
        "1000",
        "--idle-instance-timeout",
        "60s",
    ];
    [serve(&settings, None, &flags), oge_serve(&settings, None, &[])]
}

/// Calls a tool with this trace in the HTTP header, and this one in `_meta`.
async fn call(server: &Server, header: Option<&str>, meta: Option<&str>) -> Value {
    let mut params = json!({"name": "query_task_status", "arguments": {"dag_id": "d"}});
    if let Some(meta) = meta {
        params["_meta"] = json!({ "traceparent": meta });
    }
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
    let mut request = Client::new().post(server.url("/mcp")).bearer_auth(BEARER).json(&message);
    if let Some(header) = header {
        request = request.header("traceparent", header);
    }
    let request = request.header("accept", "application/json, text/event-stream");
    request.send().await.unwrap().json().await.unwrap()
}

/// Returns the values of a field in the log, once the log has this many accepted calls.
async fn logged(server: &Server, accepted: usize) -> Vec<Value> {
    for _ in 0..200 {
        let lines: Vec<Value> =
            server.log().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if lines.iter().filter(|line| line["event"] == "accepted").count() >= accepted {
            return lines;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("fewer than {accepted} accepted calls: {:?}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_the_log_is_an_object_with_its_call() {
    let mock = mock().await;
    for server in servers(&mock) {
        call(&server, None, None).await;
        mock.revoke_tokens();
        call(&server, None, None).await;
        let lines = logged(&server, 2).await;
        assert_eq!(lines.len(), server.log().len(), "{:?}", server.log());
        for line in &lines {
            for field in ["time", "level", "operation", "event", "message"] {
                assert!(line[field].is_string(), "{line}");
            }
        }
        let of_calls = lines.iter().filter(|line| line["operation"] == "查询任务状态");
        let calls: BTreeSet<_> =
            of_calls.map(|line| line["call"].as_str().expect("a call id")).collect();
        assert_eq!(calls.len(), 2, "{lines:?}");
        let expired = lines.iter().find(|line| line["event"] == "expired").expect("an expiry");
        assert_eq!((&expired["attempt"], &expired["level"]), (&json!(1), &json!("info")));
        let accepted = lines.iter().find(|line| line["event"] == "accepted").expect("a success");
        assert!(accepted["seconds"].is_number(), "{accepted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_to_the_platform_and_into_the_log() {
    let mock = mock().await;
    for server in servers(&mock) {
        for (header, meta, sent) in [
            (Some(parent("00f067aa0ba902b7")), None, Some(parent("00f067aa0ba902b7"))),
            (None, Some(parent("00f067aa0ba902b8")), Some(parent("00f067aa0ba902b8"))),
            (
                Some(parent("00f067aa0ba902b7")),
                Some(parent("00f067aa0ba902b9")),
                Some(parent("00f067aa0ba902b9")),
            ),
            (Some("no trace".to_owned()), None, None),
            (None, None, None),
        ] {
            mock.clear_requests();
            let answer = call(&server, header.as_deref(), meta.as_deref()).await;
            assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
            let requests = mock.requests(Route::GetState);
            assert_eq!(requests[0].header("traceparent"), sent.as_deref());
        }
        let lines = logged(&server, 5).await;
        let traced =
            lines.iter().filter(|line| line["event"] == "accepted" && line["call"] == TRACE);
        assert_eq!(traced.count(), 3, "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_sent_again_with_the_new_token() {
    let mock = mock().await;
    for server in servers(&mock) {
        call(&server, None, None).await;
        mock.revoke_tokens();
        mock.clear_requests();
        let trace = parent("00f067aa0ba902b7");
        call(&server, Some(&trace), None).await;
        let sent = mock.requests(Route::GetState);
        let traces: Vec<_> = sent.iter().map(|request| request.header("traceparent")).collect();
        assert_eq!(traces, [Some(&*trace), Some(&*trace)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_behind_the_bearer() {
    let mock = mock().await;
    for server in servers(&mock) {
        let url = server.url("/metrics");
        assert_eq!(reqwest::get(&url).await.unwrap().status(), StatusCode::UNAUTHORIZED);
        call(&server, None, None).await;
        mock.revoke_tokens();
        call(&server, None, None).await;
        let answer = Client::new().get(&url).bearer_auth(BEARER).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let text = answer.text().await.unwrap();
        for line in [
            "oge_calls_total{tool=\"query_task_status\",outcome=\"ok\"} 2",
            "oge_expired_tokens_total{tool=\"query_task_status\"} 1",
            "oge_call_seconds_count{tool=\"query_task_status\"} 2",
            "oge_logins_total 2",
            "oge_rejected_logins_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
        let head = Client::new().head(&url).bearer_auth(BEARER).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK);
    }
}

/// A command in a shell is part of a trace as well: OpenTelemetry passes it in the environment.
#[tokio::test(flavor = "multi_thread")]
async fn one_call_of_the_component_takes_its_trace_from_the_environment() {
    let mock = mock().await;
    let trace = parent("00f067aa0ba902b7");
    let settings = with(
        &mock,
        &[("OGE_LOG_FORMAT", "json"), ("TRACEPARENT", &trace), ("OGE_TOKEN_FILE", " ")],
    );
    let mut command = wasmtime("run", &settings);
    command.args(["-S", "http", "--invoke", r#"query-task-status("d", none)"#]);
    let output = CommandOutput::of({
        add_component(&mut command, oge_artifacts::standalone());
        command
    });
    output.holds(&["attempts: 1"]);
    assert_eq!(mock.requests(Route::GetState)[0].header("traceparent"), Some(&*trace));
    for line in output.log.lines().filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert!(line["operation"] == "token-store" || line["call"] == TRACE, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_format_is_named() {
    let mock = mock().await;
    let settings = with(&mock, &[("OGE_LOG_FORMAT", "xml")]);
    let mut command = oge("call", &settings);
    let output = command.args(["query_task_status", "--dag-id", "d"]).output().unwrap();
    let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(shown.contains("OGE_LOG_FORMAT") && shown.contains("must be text or json"), "{shown}");
    assert!(mock.all_requests().is_empty());
}
