//! Streamable HTTP: response forms, invalid messages and disconnected clients.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use oge_mock_platform::{Fault, Route};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{BEARER, SERVERS, with};
use crate::command::mock;
use crate::serve::Server;

const JSON: &str = "application/json";

fn post(server: &Server) -> RequestBuilder {
    Client::new()
        .post(server.url("/mcp"))
        .bearer_auth(BEARER)
        .header("accept", "application/json, text/event-stream")
        .header(CONTENT_TYPE, JSON)
}

fn call(tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_returns_json_or_a_stream_with_a_progress_token() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        let mut message = call("run_big_query", &json!({}));
        let answer = post(&server).json(&message).send().await.unwrap();
        assert_eq!(answer.headers()[CONTENT_TYPE], JSON);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(7), &json!(false)));

        message["params"]["_meta"] = json!({"progressToken": "p"});
        let answer = post(&server).json(&message).send().await.unwrap();
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream");
        let stream = answer.text().await.unwrap();
        let events: Vec<Value> = stream
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let (last, progress) = events.split_last().unwrap();
        assert!(progress.iter().all(|event| event["params"]["progressToken"] == "p"), "{stream}");
        assert_eq!((last["id"].as_u64(), progress.len()), (Some(7), 3), "{stream}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_event_streams_gets_json() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        let mut message = call("run_big_query", &json!({}));
        message["params"]["_meta"] = json!({"progressToken": "p"});
        for accept in [JSON, "*/*", "application/*", "application/json, text/event-stream;q=0"] {
            let request = Client::new().post(server.url("/mcp")).bearer_auth(BEARER);
            let answer = request.header("accept", accept).json(&message).send().await.unwrap();
            assert_eq!(answer.headers()[CONTENT_TYPE], JSON, "{accept}");
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["result"]["isError"], json!(false), "{accept}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_sent_while_the_call_waits() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        mock.fail(Route::GetState, Fault::Hang);
        let mut message = call("query_task_status", &json!({"dag_id": "d"}));
        message["params"]["_meta"] = json!({"progressToken": 1});
        let mut answer = post(&server).json(&message).send().await.unwrap();
        let first = answer.chunk().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&first).contains("notifications/progress"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_oversized_and_deep_bodies_are_refused() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        let deep = |depth: usize| {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            format!(
                r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"run_big_query","arguments":{{"query":{nested}}}}}}}"#
            )
        };
        for (body, status) in [
            ("{".to_owned(), StatusCode::BAD_REQUEST),
            (String::new(), StatusCode::BAD_REQUEST),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\u{1}\"}".to_owned(),
                StatusCode::BAD_REQUEST,
            ),
            (deep(1000), StatusCode::BAD_REQUEST),
            (deep(1_000_000), StatusCode::BAD_REQUEST),
            ("[1,2,3]".to_owned(), StatusCode::BAD_REQUEST),
            ("{}".to_owned(), StatusCode::BAD_REQUEST),
            (format!("\"{}\"", "x".repeat(4 << 20)), StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let start: String = body.chars().take(40).collect();
            let answer = post(&server).body(body).send().await.unwrap();
            assert_eq!(answer.status(), status, "{start}");
            if status == StatusCode::BAD_REQUEST {
                let error: Value = answer.json().await.unwrap();
                let code = error["error"]["code"].as_i64();
                assert!(matches!(code, Some(-32700 | -32600)), "{start}: {error}");
            }
        }
        let not_utf8 = post(&server).body(b"{\"a\":\"\xff\"}".to_vec()).send().await.unwrap();
        assert_eq!(not_utf8.status(), StatusCode::BAD_REQUEST);
        // Forty levels are accepted, so the tool reports the argument.
        let answer: Value =
            post(&server).body(deep(40)).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["result"]["structuredContent"]["error"]["kind"], "invalid-argument");
        let answer = post(&server).json(&call("run_big_query", &json!({}))).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_types_methods_and_paths_are_refused() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        let message = call("run_big_query", &json!({})).to_string();
        let bare =
            || Client::new().post(server.url("/mcp")).bearer_auth(BEARER).body(message.clone());
        let both = "application/json, text/event-stream";
        let answer = bare().header("accept", both).header(CONTENT_TYPE, "text/plain");
        assert_eq!(answer.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let answer = bare().header("accept", "text/html").header(CONTENT_TYPE, JSON);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_ACCEPTABLE);
        assert!(answer.text().await.unwrap().contains("add application/json to Accept"));
        for method in ["GET", "DELETE"] {
            let request = Client::new().request(method.parse().unwrap(), server.url("/mcp"));
            let answer = request.bearer_auth(BEARER).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        }
        let answer = Client::new().post(server.url("/other")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_is_ignored() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        let message = format!("\u{feff}{}", call("run_big_query", &json!({})));
        let answer: Value = post(&server).body(message).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_message_times_out() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        let address = server.url("");
        let mut connection = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
        write!(connection, "{}{{\"half\":", head(500)).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(50))).unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
}

/// The response of a slow call begins early with white space before the JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_call_returns_json() {
    for serve in SERVERS {
        let mock = mock().await;
        mock.fail_times(Route::Process, 1, Fault::Delay(Duration::from_secs(5)));
        let server = serve(&mock.settings());
        let answer = post(&server).json(&call("run_big_query", &json!({}))).send().await.unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()[CONTENT_TYPE]),
            (StatusCode::OK, &JSON.parse().unwrap())
        );
        let answer = answer.text().await.unwrap();
        assert!(answer.starts_with('\n'), "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(7), &json!(false)));
    }
}

/// Returns the head of a request with a body of this length.
fn head(length: usize) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {BEARER}\r\nAccept: \
         application/json, text/event-stream\r\nContent-Type: {JSON}\r\n{}: {length}\r\n\r\n",
        CONTENT_LENGTH.as_str()
    )
}

/// Drops the request to the platform when the client has disconnected.
#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_clients_call_is_dropped() {
    for serve in SERVERS {
        for progress in [json!({}), json!({"progressToken": 1})] {
            let platform = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let url = format!("http://{}/dag", platform.local_addr().unwrap());
            let mock = mock().await;
            let token = mock.issue_token();
            let settings = with(&mock, &[("OGE_DAG_URL", &url), ("OGE_TOKEN", &token)]);
            let server = serve(&settings);
            let mut message = call("query_task_status", &json!({"dag_id": "d"}));
            message["params"]["_meta"] = progress;
            let message = message.to_string();
            let address = server.url("");
            let mut client = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
            write!(client, "{}{message}", head(message.len())).unwrap();
            let gone = tokio::task::spawn_blocking(move || {
                let (mut connection, _) = platform.accept().unwrap();
                let mut buffer = [0; 4096];
                assert_ne!(connection.read(&mut buffer).unwrap(), 0);
                drop(client);
                // Shorter than the request's own timeout of 30 s.
                connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                !matches!(connection.read(&mut buffer), Err(error) if error.kind() == ErrorKind::WouldBlock)
            });
            assert!(gone.await.unwrap());
        }
    }
}

/// Clients disconnect in the middle of a message, while a call waits, and before reading the response.
#[tokio::test(flavor = "multi_thread")]
async fn disconnected_clients_do_not_affect_other_calls() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        mock.fail(Route::GetState, Fault::Hang);
        let address = server.url("");
        let connect = || TcpStream::connect(address.trim_start_matches("http://")).unwrap();
        for _ in 0..3 {
            write!(connect(), "{}{{\"half\":", head(500)).unwrap();

            let waits = call("query_task_status", &json!({"dag_id": "d"})).to_string();
            let seen = mock.count(Route::GetState);
            let mut connection = connect();
            write!(connection, "{}{waits}", head(waits.len())).unwrap();
            while mock.count(Route::GetState) == seen {
                sleep(Duration::from_millis(5)).await;
            }
            drop(connection);

            let asks = call("run_big_query", &json!({})).to_string();
            let mut connection = connect();
            write!(connection, "{}{asks}", head(asks.len())).unwrap();
            let mut first = [0; 9];
            connection.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 ");
        }
        let answer = post(&server).json(&call("run_big_query", &json!({}))).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
