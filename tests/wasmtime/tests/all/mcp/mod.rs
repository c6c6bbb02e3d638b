//! The MCP server, on both transports of a stock wasmtime, with the official SDK as its client.

mod access;
mod alive;
mod browser;
#[cfg(unix)]
mod clients;
mod conformance;
#[cfg(unix)]
mod crowd;
mod golden;
mod http;
mod large;
mod messages;
mod timing;
mod token;
mod tools;
mod watch;

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oge_mock_platform::Mock;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientConfig, ErrorData, ProgressNotificationParam,
    ProtocolVersion,
};
use rmcp::service::{NotificationContext, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::sleep;

use crate::command::{precompiled, wasmtime};
use crate::serve::Server;

/// What callers of the tests' servers send.
pub const BEARER: &str = "tests-bearer";

/// How a client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Stdio,
    Http,
}

/// Every way for a client and the server to speak: 2025-11-25 begins with `initialize`, 2026-07-28
/// says all in each request.
pub const WAYS: [(Transport, &str); 4] = [
    (Transport::Stdio, "2025-11-25"),
    (Transport::Stdio, "2026-07-28"),
    (Transport::Http, "2025-11-25"),
    (Transport::Http, "2026-07-28"),
];

/// A client that keeps what it is told meanwhile.
#[derive(Clone, Default)]
pub struct Listener {
    pub progress: Arc<Mutex<Vec<ProgressNotificationParam>>>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::default()
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.progress.lock().unwrap().push(params);
    }
}

/// A client, and what ends with it.
pub struct Session {
    pub client: RunningService<RoleClient, Listener>,
    pub child: Option<Child>,
    pub listener: Listener,
    _server: Option<Arc<Server>>,
    _state: Option<TempDir>,
}

impl Session {
    /// A client over `transport` of a server with these settings, which keeps its token in a file.
    pub async fn start(settings: &[(String, String)], way: (Transport, &str)) -> Self {
        match way.0 {
            Transport::Stdio => Self::stdio(settings, way.1).await,
            Transport::Http => {
                let state = tempfile::tempdir().unwrap();
                let server = Arc::new(serve(settings, Some(state.path()), &[]));
                let session = Self::http(server, way.1).await;
                Self { _state: Some(state), ..session }
            }
        }
    }

    /// A client of a process of its own.
    pub async fn stdio(settings: &[(String, String)], version: &str) -> Self {
        let mut command = wasmtime("run", settings);
        command.args(["-S", "http", "--allow-precompiled"]).arg(precompiled(oge_artifacts::mcp()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("wasmtime");
        let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let listener = Listener::default();
        let client =
            listener.clone().serve_with_lifecycle(pipes, lifecycle(version)).await.unwrap();
        Self { client, child: Some(child), listener, _server: None, _state: None }
    }

    /// One more client of `server`.
    pub async fn http(server: Arc<Server>, version: &str) -> Self {
        let config = StreamableHttpClientTransportConfig::with_uri(server.url("/mcp"));
        let transport =
            StreamableHttpClientTransport::from_config(config.auth_header(BEARER.to_owned()));
        let listener = Listener::default();
        let client =
            listener.clone().serve_with_lifecycle(transport, lifecycle(version)).await.unwrap();
        Self { client, child: None, listener, _server: Some(server), _state: None }
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

    /// The progress that was told, once there are so many. The client hears each in a task of its own,
    /// so they may come in any order, and after the result.
    pub async fn progress(&self, count: usize) -> Vec<ProgressNotificationParam> {
        for _ in 0..500 {
            let mut told = self.listener.progress.lock().unwrap().clone();
            if told.len() >= count {
                told.sort_by(|one, other| one.progress.total_cmp(&other.progress));
                return told;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("less than {count} were told: {:?}", self.listener.progress.lock().unwrap());
    }

    /// Calls a tool; its envelope.
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

/// A call of a tool.
pub fn request(tool: &str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!("{arguments} is no object") };
    CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)
}

/// The envelope of a result, which is its text and its structured content alike.
#[track_caller]
pub fn envelope(result: &CallToolResult) -> Value {
    let text = &result.content[0].as_text().expect("text").text;
    let envelope: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(result.structured_content.as_ref(), Some(&envelope));
    assert_eq!(result.is_error, Some(envelope["success"] == json!(false)), "{envelope}");
    envelope
}

/// The error that a call was answered.
#[track_caller]
pub fn refused(result: Result<CallToolResult, ServiceError>) -> ErrorData {
    match result {
        Err(ServiceError::McpError(error)) => error,
        other => panic!("{other:?} is no error of the protocol"),
    }
}

/// `wasmtime serve` of the MCP server, with its token in `state` where one is given.
pub fn serve(settings: &[(String, String)], state: Option<&Path>, flags: &[&str]) -> Server {
    let mut settings = settings.to_vec();
    settings.push(("OGE_MCP_BEARER".to_owned(), BEARER.to_owned()));
    serve_openly(&settings, state, flags)
}

/// The same, with no bearer.
pub fn serve_openly(settings: &[(String, String)], state: Option<&Path>, flags: &[&str]) -> Server {
    let flags = [&["--allow-precompiled"], flags].concat();
    Server::of(&precompiled(oge_artifacts::mcp()), settings, state, &flags)
}

/// A setting more.
pub fn with(mock: &Mock, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut settings = mock.settings();
    for (key, value) in more {
        settings.retain(|(known, _)| known != key);
        settings.push(((*key).to_owned(), (*value).to_owned()));
    }
    settings
}
