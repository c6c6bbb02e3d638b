//! A message of an MCP client.

use oge_mcp::arguments::take_number;
use oge_tools::tools::{
    CoverageAspectAnalysis, ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, SubmitBatchTask, Tool,
};
use rmcp::model::{CallToolRequestParams, ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::{from_value, prepared};

/// One message, as it stands on a line or in a body.
pub(crate) fn target(data: &[u8]) {
    let Ok(message) = serde_json::from_slice::<ClientJsonRpcMessage>(data) else { return };
    let JsonRpcMessage::Request(message) = message else { return };
    let ClientRequest::CallToolRequest(call) = message.request else { return };
    let params = call.params;
    match &*params.name {
        CoverageAspectAnalysis::NAME => tool::<CoverageAspectAnalysis>(params),
        RunBigQuery::NAME => tool::<RunBigQuery>(params),
        ExecuteCodeToDag::NAME => tool::<ExecuteCodeToDag>(params),
        SubmitBatchTask::NAME => tool::<SubmitBatchTask>(params),
        QueryTaskStatus::NAME => tool::<QueryTaskStatus>(params),
        _ => {}
    }
}

fn tool<T: Tool<Arguments: DeserializeOwned>>(params: CallToolRequestParams) {
    let mut arguments = params.arguments.unwrap_or_default();
    let given = arguments.get("wait_seconds").cloned().filter(|given| !given.is_null());
    match take_number::<T>(&mut arguments, "wait_seconds", 600) {
        Ok(seconds) => {
            assert_eq!(seconds.map(f64::from), given.as_ref().and_then(Value::as_f64));
            assert!(seconds.is_none_or(|seconds| seconds <= 600));
        }
        Err(failure) => assert!(given.is_some() && failure.message.starts_with("wait_seconds ")),
    }
    if let Ok(arguments) = from_value::<T>(arguments) {
        let _ = prepared::<T>(arguments);
    }
}
