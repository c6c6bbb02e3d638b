//! Access to the tools: through the reference host, or through the MCP server under `wasmtime serve`.

use std::future::Future;

use oge_host::{CallError, GuestTool, Host};
use oge_tools::error::Failure;
use oge_tools::tools::{Completed, QueryTaskStatus, SubmitBatchTask};
use oge_tools::tools::{query_task_status, submit_batch_task};
use serde_json::{Value, json};

use crate::mcp::{Session, envelope};

/// A tool's output, and the number of requests if it is known.
pub type Right = (Value, Option<usize>);

/// A failed call.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The failure's kind, or the text of another error.
    pub kind: String,
    /// The number of requests sent to the platform.
    pub attempts: usize,
}

/// Calls the two tools of the test.
pub trait Way: Send + Sync + 'static {
    fn submit(
        &self,
        dag_id: &str,
        name: &str,
    ) -> impl Future<Output = Result<Right, Failed>> + Send;

    fn state(&self, dag_id: &str) -> impl Future<Output = Result<Right, Failed>> + Send;
}

impl Way for Host {
    async fn submit(&self, dag_id: &str, name: &str) -> Result<Right, Failed> {
        let arguments = submit_batch_task::Arguments {
            dag_id: dag_id.to_owned(),
            task_name: Some(name.to_owned()),
            filename: Some(name.to_owned()),
            ..Default::default()
        };
        converted::<SubmitBatchTask>(self.run::<SubmitBatchTask>(&arguments).await)
    }

    async fn state(&self, dag_id: &str) -> Result<Right, Failed> {
        let arguments =
            query_task_status::Arguments { dag_id: dag_id.to_owned(), auth_token: None };
        converted::<QueryTaskStatus>(self.run::<QueryTaskStatus>(&arguments).await)
    }
}

fn converted<T: GuestTool>(
    result: Result<Completed<T::Output>, CallError>,
) -> Result<Right, Failed> {
    match result {
        Ok(done) => {
            Ok((serde_json::to_value(done.output).expect("JSON"), Some(done.attempts.into())))
        }
        Err(CallError::Failure(Failure { kind, attempts, .. })) => {
            Err(Failed { kind: kind.as_str().to_owned(), attempts: attempts.into() })
        }
        Err(error) => Err(Failed { kind: error.to_string(), attempts: 0 }),
    }
}

/// A client of the MCP server, over HTTP.
pub struct Served(pub Session);

impl Way for Served {
    async fn submit(&self, dag_id: &str, name: &str) -> Result<Right, Failed> {
        let arguments = json!({"dag_id": dag_id, "task_name": name, "filename": name});
        self.ask("submit_batch_task", arguments).await
    }

    async fn state(&self, dag_id: &str) -> Result<Right, Failed> {
        self.ask("query_task_status", json!({"dag_id": dag_id})).await
    }
}

impl Served {
    async fn ask(&self, tool: &str, arguments: Value) -> Result<Right, Failed> {
        let result = match self.0.try_call(tool, arguments).await {
            Ok(result) => envelope(&result),
            Err(error) => return Err(Failed { kind: error.to_string(), attempts: 0 }),
        };
        if result["success"] == json!(true) {
            return Ok((result["data"].clone(), None));
        }
        let error = &result["error"];
        Err(Failed {
            kind: error["kind"].as_str().expect("a kind").to_owned(),
            attempts: error["attempts"].as_u64().and_then(|n| n.try_into().ok()).expect("a count"),
        })
    }
}
