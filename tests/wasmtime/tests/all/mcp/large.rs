//! Large responses: results and memory are bounded, and the session keeps working.

use oge_mock_platform::{Fault, Mock, Route};
use rmcp::model::{ClientRequest, PingRequest, ReadResourceRequestParams, ResourceContents};
use rmcp::service::ServiceError;
use serde_json::{Value, json};

use super::{Listener, STDIO, Session, Transport, WAYS, envelope, with};
use crate::command::{add_component, mock, wasmtime};

const MIB: usize = 1 << 20;

fn response(mock: &Mock, body: impl Into<Vec<u8>>) {
    mock.response(Route::Process, 200, "application/json", body.into());
}

/// Repeats `part` between `start` and `end` up to 31 MiB, just under the largest response.
fn filled(start: &str, part: &str, end: &str) -> Vec<u8> {
    let count = (31 * MIB - start.len() - end.len()) / part.len();
    [start, &part.repeat(count), end].concat().into_bytes()
}

fn objects() -> Vec<u8> {
    filled("[", "{\"a\":0},", "0]")
}

fn json_response(body: Vec<u8>) -> Fault {
    Fault::Response { status: 200, content_type: "application/json".to_owned(), body: body.into() }
}

/// Sets the responses to the next eight calls: these, in turn.
fn eight_responses(mock: &Mock, responses: &[Fault]) {
    for response in responses.iter().cycle().take(8) {
        mock.fail_times(Route::Process, 1, response.clone());
    }
}

/// Returns the peak memory of a process, in bytes.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn eight_large_responses_at_once_use_bounded_memory() {
    // The forms that use the most memory per byte.
    let bodies = [
        filled("\"", "x", "\""),
        filled("\"", "\\u0001", "\""),
        filled("[", "0,", "0]"),
        objects(),
        filled("[", "[[[]]],", "0]"),
        vec![0xff; 31 * MIB],
    ];
    let mock = mock().await;
    eight_responses(&mock, &bodies.map(json_response));
    let session = Session::start(&mock.settings(), STDIO[0]).await;
    let process = session.child.as_ref().and_then(tokio::process::Child::id).unwrap();
    let calls = (0..8).map(|_| session.call("run_big_query", json!({})));
    let calls = futures_util::future::join_all(calls);
    let ping = ClientRequest::PingRequest(PingRequest::default());
    let (results, ping) = tokio::join!(calls, session.client.send_request(ping));
    ping.unwrap();
    for result in results {
        let failure = envelope(&result);
        let error = &failure["error"];
        // Only text has its start in the error.
        let is_text = error["body"].is_string();
        let expected: &[_] =
            if is_text { &["reply-too-large"] } else { &["reply-too-large", "bad-reply"] };
        assert!(expected.contains(&error["kind"].as_str().unwrap()), "{failure}");
    }
    assert_eq!(mock.count(Route::Process), 8);
    let peak = peak(process);
    println!("{} MiB", peak / MIB);
    assert!(peak < 8 * 32 * MIB, "{} MiB", peak / MIB);
    let small = session.envelope("run_big_query", json!({})).await;
    assert_eq!(small["success"], json!(true), "{small}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_result_names_its_size_and_the_setting() {
    let mock = mock().await;
    let features = r#"{"type":"Feature","properties":{"DLMC":"旱地"}}"#;
    response(&mock, format!("[{}]", vec![features; 1000].join(", ")));
    // Without a token file.
    for way in STDIO {
        let settings = with(&mock, &[("OGE_MCP_MAX_RESULT_BYTES", "50000")]);
        let failure =
            Session::start(&settings, way).await.envelope("run_big_query", json!({})).await;
        let error = &failure["error"];
        assert_eq!(error["kind"], json!("reply-too-large"), "{failure}");
        let message = error["message"].as_str().unwrap();
        let size: usize = message
            .split_once("message of ")
            .and_then(|(_, rest)| rest.split_once(" bytes"))
            .map(|(size, _)| size.parse().unwrap())
            .unwrap();
        assert!((100_000..150_000).contains(&size), "{message}");
        assert!(message.contains("OGE_MCP_MAX_RESULT_BYTES allows (50000)"), "{message}");
        let start = error["body"].as_str().unwrap();
        assert!(start.starts_with(&format!("[{features},")) && start.len() > 1000, "{start}");

        // 40 bytes more, since the time in the result varies in length.
        let enough = (size + 40).to_string();
        let settings = with(&mock, &[("OGE_MCP_MAX_RESULT_BYTES", &enough)]);
        let whole = Session::start(&settings, way).await.envelope("run_big_query", json!({})).await;
        let why = &whole["error"]["message"];
        assert_eq!(whole["data"].as_array().map(Vec::len), Some(1000), "{size} {why}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn eight_large_results_are_kept_in_bounded_memory() {
    let feature = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[114.5,30]}},"#;
    let features = filled("[", feature, "0]");
    let mock = mock().await;
    eight_responses(&mock, &[features, objects()].map(json_response));
    let state = tempfile::tempdir().unwrap();
    let settings = with(&mock, &[("OGE_TOKEN_FILE", "/state/token")]);
    let mut command = wasmtime("run", &settings);
    command.arg("--dir").arg(format!("{}::/state", state.path().display()));
    command.args(["-S", "http"]);
    add_component(&mut command, oge_artifacts::mcp());
    let session = Session::of_command(Listener::default(), command, STDIO[0].1).await;
    let process = session.child.as_ref().and_then(tokio::process::Child::id).unwrap();
    let calls = (0..8).map(|_| session.envelope("run_big_query", json!({})));
    for envelope in futures_util::future::join_all(calls).await {
        assert!(envelope["preview"]["bytes"].as_u64() > Some(30 << 20), "{envelope}");
    }
    let peak = peak(process);
    println!("{} MiB", peak / MIB);
    assert!(peak < 8 * 32 * MIB, "{} MiB", peak / MIB);
}

/// Returns the ways with a token file.
fn kept_ways() -> impl Iterator<Item = (Transport, &'static str)> {
    WAYS.into_iter().filter(|way| matches!(way.0, Transport::Http | Transport::OgeHttp))
}

async fn read(session: &Session, uri: String) -> Result<String, ServiceError> {
    let read = session.client.read_resource(ReadResourceRequestParams::new(uri)).await?;
    match read.contents.into_iter().next() {
        Some(ResourceContents::TextResourceContents { text, .. }) => Ok(text),
        other => panic!("{other:?} is no text"),
    }
}

/// Returns the files of the kept results.
fn kept_files(session: &Session) -> Vec<std::path::PathBuf> {
    let folder = session.state.as_ref().unwrap().path().join("results");
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_is_kept_and_read_in_pages() {
    let mock = mock().await;
    let feature = |number| {
        json!({"type": "Feature", "properties": {"DLMC": "旱地", "number": number},
               "geometry": {"type": "Point", "coordinates": [114.5, 30]}})
    };
    let features: Vec<_> = (0..2000).map(feature).collect();
    let data = json!({"type": "FeatureCollection", "features": features});
    response(&mock, data.to_string());
    for way in kept_ways() {
        let session = Session::start(&mock.settings(), way).await;
        let result = session.call("run_big_query", json!({})).await;
        let envelope = envelope(&result);
        assert_eq!((&envelope["success"], &envelope["data"]), (&json!(true), &json!(null)));
        let preview = &envelope["preview"];
        assert_eq!((&preview["kind"], &preview["count"]), (&json!("geojson"), &json!(2000)));
        assert_eq!(preview["bbox"], json!([114.5, 30.0, 114.5, 30.0]));
        assert_eq!(preview["first"].as_array().unwrap()[..], features[..20]);
        let uri = preview["uri"].as_str().unwrap();
        assert_eq!(result.content[1].as_resource_link().unwrap().uri, uri);
        let pages = preview["pages"].as_u64().unwrap();
        assert!(pages > 2, "{pages}");
        let mut whole = String::new();
        for page in 1..=pages {
            let text = read(&session, format!("{uri}?page={page}")).await.unwrap();
            assert!(text.len() <= (32 << 10) + 4);
            whole.push_str(&text);
        }
        assert_eq!(serde_json::from_str::<Value>(&whole).unwrap(), data, "{way:?}");
        let files = kept_files(&session);
        assert_eq!(files.len(), 1);
        #[cfg(unix)]
        if way.0 == Transport::OgeHttp {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = files[0].metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let other = uri.replace(&uri[uri.len() - 32..], &"0".repeat(32));
        for none in [format!("{uri}?page={}", pages + 1), other, "oge://results/x".to_owned()] {
            let refused = read(&session, none.clone()).await;
            assert!(matches!(refused, Err(ServiceError::McpError(_))), "{none}: {refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_results_are_kept() {
    let mock = mock().await;
    response(&mock, format!("[{}0]", "\"row\",".repeat(20_000)));
    for way in kept_ways() {
        let session = Session::start(&mock.settings(), way).await;
        let mut uris = Vec::new();
        for _ in 0..21 {
            let envelope = session.envelope("run_big_query", json!({})).await;
            uris.push(envelope["preview"]["uri"].as_str().unwrap().to_owned());
        }
        assert_eq!(kept_files(&session).len(), 20);
        let Err(ServiceError::McpError(gone)) = read(&session, uris[0].clone()).await else {
            panic!("the oldest is still kept");
        };
        assert!(gone.message.contains("not kept any more"), "{}", gone.message);
        assert!(read(&session, uris[20].clone()).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_limit_fails_before_anything_is_sent() {
    for way in STDIO {
        let mock = mock().await;
        let settings = with(&mock, &[("OGE_MCP_MAX_RESULT_BYTES", "4MB")]);
        let failure =
            Session::start(&settings, way).await.envelope("run_big_query", json!({})).await;
        assert_eq!(failure["error"]["kind"], json!("not-configured"));
        let message = failure["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("OGE_MCP_MAX_RESULT_BYTES must be"), "{message}");
        assert_eq!(mock.all_requests().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_calls_at_once_return_one_mebibyte_each() {
    for way in STDIO {
        let mock = mock().await;
        let text = "x".repeat(MIB);
        response(&mock, Value::String(text.clone()).to_string());
        let session = Session::start(&mock.settings(), way).await;
        let calls = (0..32).map(|_| session.envelope("run_big_query", json!({})));
        for envelope in futures_util::future::join_all(calls).await {
            assert_eq!(envelope["data"], json!(text));
        }
    }
}
