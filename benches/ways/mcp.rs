//! The MCP server on wasmtime's command line, called by the official SDK's client.

use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::Context as _;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Child;

use super::{Served, Way, call, precompiled, serve, wasmtime};
use crate::mock::MockProcess;
use crate::role::Role;

const BEARER: &str = "benchmark-bearer";

/// A client with its server and state directory.
pub(crate) struct Session {
    client: RunningService<RoleClient, ()>,
    _child: Option<Child>,
    _state: Option<TempDir>,
    _served: Option<Served>,
}

/// Starts `oge mcp` and a session of it.
pub(crate) async fn oge(mock: &MockProcess) -> anyhow::Result<Session> {
    let state = tempfile::tempdir()?;
    let mut command = Role::Oge.command()?;
    command.arg("mcp").envs(mock.settings().iter().cloned()).stderr(Stdio::null());
    command.env("OGE_TOKEN_FILE", state.path().join("token"));
    session(command, state).await
}

/// Starts the component and a session of it over stdio.
pub(crate) async fn over_stdio(mock: &MockProcess) -> anyhow::Result<Session> {
    let state = tempfile::tempdir()?;
    let mut command = wasmtime("run", mock.settings(), state.path())?;
    command.args(["-S", "http", "--allow-precompiled"]).arg(precompiled(oge_artifacts::mcp())?);
    session(command, state).await
}

/// Starts a server process and a session over stdio with `initialize`.
async fn session(mut command: Command, state: TempDir) -> anyhow::Result<Session> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    let stdout = child.stdout.take().context("a pipe")?;
    let stdin = child.stdin.take().context("a pipe")?;
    let client = ().serve_with_lifecycle((stdout, stdin), ClientLifecycleMode::Initialize).await?;
    Ok(Session { client, _child: Some(child), _state: Some(state), _served: None })
}

/// Starts a server and a client over HTTP with the protocol version without sessions.
pub(crate) async fn over_http(mock: &MockProcess) -> anyhow::Result<Session> {
    let mut settings = mock.settings().to_vec();
    settings.push(("OGE_MCP_BEARER".to_owned(), BEARER.to_owned()));
    let served = serve(oge_artifacts::mcp(), &settings)?;
    let uri = format!("{}/mcp", served.origin);
    let config = StreamableHttpClientTransportConfig::with_uri(uri).auth_header(BEARER.to_owned());
    let transport = StreamableHttpClientTransport::from_config(config);
    let mode =
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let client = ().serve_with_lifecycle(transport, mode).await?;
    Ok(Session { client, _child: None, _state: None, _served: Some(served) })
}

impl Session {
    pub(crate) fn way(self, name: &'static str) -> Way {
        let session = Arc::new(self);
        let tool = |tool: &'static str, arguments: serde_json::Value| {
            let (session, arguments) = (Arc::clone(&session), arguments.as_object().cloned());
            call(move || {
                let session = Arc::clone(&session);
                let request = CallToolRequestParams::new(tool)
                    .with_arguments(arguments.clone().unwrap_or_default());
                async move {
                    let result = session.client.call_tool(request).await.expect("a response");
                    assert_eq!(result.is_error, Some(false));
                }
            })
        };
        Way {
            name,
            status: tool("query_task_status", json!({ "dag_id": "d" })),
            query: Some(tool("run_big_query", json!({}))),
        }
    }
}
