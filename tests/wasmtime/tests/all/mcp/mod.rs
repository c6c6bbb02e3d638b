//! The MCP server on both transports, under stock wasmtime and as the command `oge`, with the official SDK as
//! the client.

mod access;
mod browser;
mod card;
#[cfg(unix)]
mod clients;
mod concurrent_calls;
mod conformance;
#[cfg(unix)]
mod connection_limit;
mod golden;
mod http;
mod large;
mod messages;
mod observability;
#[cfg(unix)]
mod oge_serve;
mod tasks;
mod timing;
mod token;
mod tools;
mod wait_seconds;
mod workflow;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oge_mock_platform::Mock;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ErrorData,
    Implementation, ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::{NotificationContext, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::sleep;

use crate::command::{add_component, oge, wasmtime};
use crate::serve::Server;

/// The bearer of the tests' servers.
pub const BEARER: &str = "tests-bearer";

/// How a client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `wasmtime run`.
    Stdio,
    /// `wasmtime serve`.
    Http,
    /// `oge mcp`.
    OgeStdio,
    /// `oge serve`.
    OgeHttp,
}

/// Standard input and output of both hosts.
pub const STDIO: [(Transport, &str); 2] =
    [(Transport::Stdio, "2025-11-25"), (Transport::OgeStdio, "2025-11-25")];

/// Every transport with every protocol version. 2025-11-25 begins with `initialize`; with 2026-07-28 each
/// request is self-contained.
pub const WAYS: [(Transport, &str); 8] = [
    (Transport::Stdio, "2025-11-25"),
    (Transport::Stdio, "2026-07-28"),
    (Transport::Http, "2025-11-25"),
    (Transport::Http, "2026-07-28"),
    (Transport::OgeStdio, "2025-11-25"),
    (Transport::OgeStdio, "2026-07-28"),
    (Transport::OgeHttp, "2025-11-25"),
    (Transport::OgeHttp, "2026-07-28"),
];

/// A client that records progress notifications.
#[derive(Clone, Default)]
pub struct Listener {
    pub capabilities: ClientCapabilities,
    pub progress: Arc<Mutex<Vec<ProgressNotificationParam>>>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(self.capabilities.clone(), Implementation::default())
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.progress.lock().unwrap().push(params);
    }
}

/// A client with its server and state directory.
pub struct Session {
    pub client: RunningService<RoleClient, Listener>,
    pub child: Option<Child>,
    pub listener: Listener,
    _server: Option<Arc<Server>>,
    state: Option<TempDir>,
}

impl Session {
    /// Starts a server with these settings and a client of it. Over HTTP the server has a token file.
    pub async fn start(settings: &[(String, String)], way: (Transport, &str)) -> Self {
        Self::start_with(ClientCapabilities::default(), settings, way).await
    }

    /// Like [`Session::start`], with a client that has these capabilities.
    pub async fn start_with(
        capabilities: ClientCapabilities,
        settings: &[(String, String)],
        way: (Transport, &str),
    ) -> Self {
        let listener = Listener { capabilities, ..Listener::default() };
        match way.0 {
            Transport::Stdio | Transport::OgeStdio => {
                Self::of_command(listener, stdio(settings, way.0), way.1).await
            }
            Transport::Http | Transport::OgeHttp => {
                let state = tempfile::tempdir().unwrap();
                let server = match way.0 {
                    Transport::Http => serve(settings, Some(state.path()), &[]),
                    _ => oge_serve(settings, Some(state.path()), &[]),
                };
                let session = Self::http_of(listener, Arc::new(server), way.1).await;
                Self { state: Some(state), ..session }
            }
        }
    }

    /// Starts a server process and its client.
    pub async fn stdio(settings: &[(String, String)], way: (Transport, &str)) -> Self {
        Self::of_command(Listener::default(), stdio(settings, way.0), way.1).await
    }

    /// Starts a server process with this command, and its client.
    pub async fn of_command(listener: Listener, mut command: Command, version: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("a host");
        let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let client =
            listener.clone().serve_with_lifecycle(pipes, lifecycle(version)).await.unwrap();
        Self { client, child: Some(child), listener, _server: None, state: None }
    }

    /// Starts another client of `server`.
    pub async fn http(server: Arc<Server>, version: &str) -> Self {
        Self::http_of(Listener::default(), server, version).await
    }

    async fn http_of(listener: Listener, server: Arc<Server>, version: &str) -> Self {
        let config = StreamableHttpClientTransportConfig::with_uri(server.url("/mcp"));
        let transport =
            StreamableHttpClientTransport::from_config(config.auth_header(BEARER.to_owned()));
        let client =
            listener.clone().serve_with_lifecycle(transport, lifecycle(version)).await.unwrap();
        Self { client, child: None, listener, _server: Some(server), state: None }
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> CallToolResult {
        self.try_call(tool, arguments).await.unwrap()
    }

    pub async fn try_call(
        &self,
        tool: &str,
        arguments: Value,
    ) -> Result<CallToolResult, ServiceError> {
        self.client.call_tool(request(tool, arguments)).await
    }

    /// Waits for `count` progress notifications. The SDK handles each in its own task, so they may arrive in
    /// any order and after the result.
    pub async fn progress(&self, count: usize) -> Vec<ProgressNotificationParam> {
        for _ in 0..500 {
            let mut received = self.listener.progress.lock().unwrap().clone();
            if received.len() >= count {
                received.sort_by(|one, other| one.progress.total_cmp(&other.progress));
                return received;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("fewer than {count}: {:?}", self.listener.progress.lock().unwrap());
    }

    /// Calls a tool and returns its envelope.
    pub async fn envelope(&self, tool: &str, arguments: Value) -> Value {
        envelope(&self.call(tool, arguments).await)
    }
}

fn lifecycle(version: &str) -> ClientLifecycleMode {
    match version {
        "2025-11-25" => ClientLifecycleMode::Initialize,
        _ => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    }
}

/// Returns the parameters of a tool call.
pub fn request(tool: &str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!("{arguments} is no object") };
    CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)
}

/// Returns the envelope of a result. Asserts that text and structured content are equal.
#[track_caller]
pub fn envelope(result: &CallToolResult) -> Value {
    let text = &result.content[0].as_text().expect("text").text;
    let envelope: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(result.structured_content.as_ref(), Some(&envelope));
    assert_eq!(result.is_error, Some(envelope["success"] == json!(false)), "{envelope}");
    envelope
}

/// Returns the protocol error of a call.
#[track_caller]
pub fn refused(result: Result<CallToolResult, ServiceError>) -> ErrorData {
    match result {
        Err(ServiceError::McpError(error)) => error,
        other => panic!("{other:?} is no error of the protocol"),
    }
}

/// Returns the command that serves standard input and output.
pub fn stdio(settings: &[(String, String)], transport: Transport) -> Command {
    if transport == Transport::OgeStdio {
        return oge("mcp", settings);
    }
    let mut command = wasmtime("run", settings);
    command.args(["-S", "http"]);
    add_component(&mut command, oge_artifacts::mcp());
    command
}

/// Starts a server.
pub type Serve = fn(settings: &[(String, String)]) -> Server;

/// Starts the server in each host, with a bearer.
pub const SERVERS: [Serve; 2] =
    [|settings| serve(settings, None, &[]), |settings| oge_serve(settings, None, &[])];

/// Starts the server in each host, without a bearer.
pub const OPEN_SERVERS: [Serve; 2] =
    [|settings| serve_openly(settings, None, &[]), |settings| Server::oge(settings, None, &[])];

/// Starts `oge serve`, with a token file in `state` if there is one.
pub fn oge_serve(settings: &[(String, String)], state: Option<&Path>, flags: &[&str]) -> Server {
    let mut settings = settings.to_vec();
    settings.push(("OGE_MCP_BEARER".to_owned(), BEARER.to_owned()));
    Server::oge(&settings, state, flags)
}

/// Starts `wasmtime serve` of the MCP server, with a token file in `state` if there is one.
pub fn serve(settings: &[(String, String)], state: Option<&Path>, flags: &[&str]) -> Server {
    let mut settings = settings.to_vec();
    settings.push(("OGE_MCP_BEARER".to_owned(), BEARER.to_owned()));
    serve_openly(&settings, state, flags)
}

/// Starts the server without a bearer.
pub fn serve_openly(settings: &[(String, String)], state: Option<&Path>, flags: &[&str]) -> Server {
    Server::of(oge_artifacts::mcp(), settings, state, flags)
}

/// Returns the mock's settings with others added or replaced.
pub fn with(mock: &Mock, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut settings = mock.settings();
    for (key, value) in more {
        settings.retain(|(known, _)| known != key);
        settings.push(((*key).to_owned(), (*value).to_owned()));
    }
    settings
}
