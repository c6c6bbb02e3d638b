//! Invalid lines on stdio: each gets a response, and none ends the server.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use oge_mock_platform::{Fault, Mock, Route};
use oge_tools::log::Log;
use serde_json::{Value, json};
use tempfile::tempfile;
use tokio::time::Instant;

use super::{STDIO, Transport, stdio};
use crate::command::mock;

/// A server process and its pipes.
struct Pipes {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Pipes {
    fn open(mock: &Mock, transport: Transport) -> Self {
        Self::of(stdio(&mock.settings(), transport))
    }

    fn of(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a host");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    fn write(&mut self, line: impl AsRef<[u8]>) {
        self.input.write_all(line.as_ref()).unwrap();
        self.input.write_all(b"\n").unwrap();
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
    }

    /// Writes a line. Returns the id and the error code of the response.
    fn ask(&mut self, line: impl AsRef<[u8]>) -> (Value, Option<i64>) {
        self.write(line);
        let answer = self.read();
        (answer.get("id").expect("an id").clone(), answer["error"]["code"].as_i64())
    }

    /// Begins the session.
    fn begin(&mut self) {
        assert_eq!(self.ask(initialize()), (json!(1), None));
        self.write(INITIALIZED);
    }

    /// Closes the input and returns the log when the server has exited.
    fn end(self) -> String {
        let Self { child, input, output } = self;
        drop(input);
        let ended = child.wait_with_output().unwrap();
        drop(output);
        let log = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{}: {log}", ended.status);
        log
    }
}

const PING: &str = r#"{"jsonrpc":"2.0","id":"ping","method":"ping"}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn initialize() -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
           "params": {"protocolVersion": "2025-11-25", "clientInfo": {"name": "c"}}})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_may_take_the_place_of_pipes() {
    for (transport, _) in STDIO {
        let mock = mock().await;
        let (mut input, mut output) = (tempfile().unwrap(), tempfile().unwrap());
        writeln!(input, "{}\n{PING}", initialize()).unwrap();
        input.rewind().unwrap();
        let mut command = stdio(&mock.settings(), transport);
        command.stdin(input).stdout(output.try_clone().unwrap()).stderr(Stdio::null());
        assert!(command.status().unwrap().success());
        output.rewind().unwrap();
        let messages = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
        let ids: Vec<_> = messages.map(|message| message.unwrap()["id"].clone()).collect();
        assert_eq!(ids, [json!(1), json!("ping")]);
    }
}

/// Node gives its child processes sockets.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn sockets_may_take_the_place_of_pipes() {
    const LISTS: usize = 20;
    for (transport, _) in STDIO {
        let mock = mock().await;
        let (input, mut requests) = pair();
        let (output, responses) = pair();
        let mut command = stdio(&mock.settings(), transport);
        command.stdin(input).stdout(output).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // The parent's ends of both.
        drop(command);
        let mut messages = format!("{}\n{INITIALIZED}\n", initialize());
        for id in 0..LISTS {
            let list = json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"});
            messages += &format!("{list}\n");
        }
        // In one piece, because a server may read only after its responses are read.
        requests.write_all(messages.as_bytes()).unwrap();
        // More than the sockets hold waits for this.
        let lines = BufReader::new(responses).lines().take(LISTS + 1);
        assert!(lines.map(|line| line.unwrap().len()).sum::<usize>() > LISTS * 4096);
        drop(requests);
        assert!(child.wait().unwrap().success());
    }
}

#[cfg(unix)]
fn pair() -> (std::os::fd::OwnedFd, UnixStream) {
    let (theirs, ours) = UnixStream::pair().unwrap();
    (theirs.into(), ours)
}

/// The log is more than a pipe and the server hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_need_not_read_the_log() {
    const CALLS: usize = 300;
    let mock = mock().await;
    let mut settings = mock.settings();
    settings.extend(Log::EVERYTHING.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mut pipes = Pipes::of(stdio(&settings, Transport::OgeStdio));
    pipes.begin();
    for id in 0..CALLS {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
                          "params": {"name": "query_task_status", "arguments": {"dag_id": "d"}}});
        assert_eq!(pipes.ask(call.to_string()), (json!(id), None));
    }
    let log = pipes.end();
    // After the lines that waited.
    assert!(log.lines().position(|line| line.contains("lines were left out")) > Some(256), "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_progress_end_after_the_input_has_ended() {
    for (transport, _) in STDIO {
        let mock = mock().await;
        let mut pipes = Pipes::open(&mock, transport);
        pipes.begin();
        let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
            "name": "query_task_status", "arguments": {"dag_id": "d"}, "_meta": {"progressToken": 3}}});
        pipes.write(call.to_string());
        let Pipes { mut child, input, output } = pipes;
        let started = Instant::now();
        drop(input);
        let messages = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
        let last = messages.map(|message| message.unwrap()).last().unwrap();
        assert_eq!(last["id"], 2);
        assert!(child.wait().unwrap().success());
        // It waits for the call, not for the 5 s that a running call gets.
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_before_initialize_do_not_end_the_session() {
    for (transport, _) in STDIO {
        let mock = mock().await;
        let mut pipes = Pipes::open(&mock, transport);
        let call = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {
        "name": "query_task_status", "arguments": {"dag_id": "d", "auth_token": "s3cret-7"}}});
        let mut notification = call.clone();
        notification.as_object_mut().unwrap().remove("id");
        pipes.write(notification.to_string());
        pipes.write(INITIALIZED);
        pipes.write(r#"{"jsonrpc":"2.0","id":1,"result":{"auth_token":"s3cret-7"}}"#);
        pipes.write(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"s3cret-7"}}"#);
        assert_eq!(pipes.ask("s3cret-7"), (json!(null), Some(-32700)));
        assert_eq!(pipes.ask(PING), (json!("ping"), None));
        assert_eq!(pipes.ask(call.to_string()), (json!(5), Some(-32602)));
        pipes.begin();
        assert_eq!(pipes.ask(PING), (json!("ping"), None));
        let log = pipes.end();
        assert!(log.contains("warn MCP: ") && !log.contains("s3cret"), "{log}");
        assert_eq!(mock.count(Route::GetState), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_lines_get_errors_and_do_not_end_the_session() {
    for (transport, _) in STDIO {
        let mock = mock().await;
        let mut pipes = Pipes::open(&mock, transport);
        assert_eq!(pipes.ask(format!("\u{feff}{}", initialize())), (json!(1), None));
        let call = |params: &str| {
            format!(r#"{{"jsonrpc":"2.0","method":"tools/call","params":{params},"id":7}}"#)
        };
        let deep = "[".repeat(100_000);
        let long = call(&format!(r#"{{"name":"{}"}}"#, "s3cret".repeat(3 << 20)));
        for (line, id, code) in [
            (&b"{\"id\":7,\"method\":\"\xb4\xed\"}"[..], json!(7), -32700),
            (br#"{"jsonrpc":"2.0","id":7,"method":"s3cret""#, json!(7), -32700),
            (deep.as_bytes(), json!(null), -32700),
            (long.as_bytes(), json!(7), -32600),
            (b"[]", json!(null), -32600),
            (br#"{"jsonrpc":"3.0","id":7,"method":"ping"}"#, json!(7), -32600),
            (br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, json!(null), -32600),
            (call("{}").as_bytes(), json!(7), -32602),
            (call(r#"{"name":"run_big_query","arguments":"{}"}"#).as_bytes(), json!(7), -32602),
            (call(r#"{"name":"run_big_query","arguments":[]}"#).as_bytes(), json!(7), -32602),
            (call(r#"{"name":"no_such_tool"}"#).as_bytes(), json!(7), -32602),
            (br#"{"jsonrpc":"2.0","id":7,"method":"no/such"}"#, json!(7), -32601),
        ] {
            let start = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
            assert_eq!(pipes.ask(line), (id, Some(code)), "{start}");
        }
        assert_eq!(mock.all_requests().len(), 0);
        // Half a surrogate pair, as JavaScript writes a cut emoji.
        let cut = r#"{"name":"run_big_query","arguments":{"query":"SELECT '\ud83d'"}}"#;
        assert_eq!(pipes.ask(call(cut)), (json!(7), None));
        let sent = mock.requests(Route::Process).pop().unwrap().json();
        assert_eq!(sent["args"]["query"], "SELECT '\u{fffd}'");
        // The last line needs no line end.
        pipes.input.write_all(PING.as_bytes()).unwrap();
        let Pipes { child, input, mut output } = pipes;
        drop(input);
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert!(rest.contains(r#""id":"ping""#), "{rest}");
        let ended = child.wait_with_output().unwrap();
        let log = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{log}");
        assert!(
            log.contains("warn MCP: a message was refused") && !log.contains("s3cret"),
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_id_is_refused_and_its_call_continues() {
    for (transport, _) in STDIO {
        let mock = mock().await;
        let mut pipes = Pipes::open(&mock, transport);
        pipes.begin();
        mock.fail_times(Route::Process, 1, Fault::Delay(Duration::from_secs(2)));
        let call =
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"run_big_query"}}"#;
        pipes.write(call);
        assert_eq!(pipes.ask(call), (json!(2), Some(-32600)));
        assert_eq!(pipes.read()["result"]["isError"], json!(false));
        assert_eq!(mock.count(Route::Process), 1);
        // The id can be used again.
        assert_eq!(pipes.ask(call), (json!(2), None));
        mock.fail_times(Route::Process, 1, Fault::Delay(Duration::from_secs(2)));
        let cancelled =
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#;
        pipes.write([call, cancelled].join("\n"));
        assert_eq!(pipes.ask(call), (json!(2), None));
        assert!(pipes.end().contains("not answered yet"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_exits_when_its_output_closes() {
    for (transport, _) in STDIO {
        let mock = mock().await;
        let mut pipes = Pipes::open(&mock, transport);
        assert_eq!(pipes.ask(initialize()), (json!(1), None));
        let Pipes { mut child, mut input, output } = pipes;
        drop(output);
        // The server exits at the first response that it cannot write.
        input.write_all(PING.as_bytes()).unwrap();
        input.write_all(b"\n").unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(20), "the server goes on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(child.wait().unwrap().success());
        let call =
            br#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"run_big_query"}}"#;
        assert!(input.write_all(call).is_err());
        assert_eq!(mock.all_requests().len(), 0);
    }
}
