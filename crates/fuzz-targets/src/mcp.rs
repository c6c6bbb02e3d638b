//! A message of an MCP client.

use oge_mcp_server::arguments::{checked, ignored};
use oge_mcp_server::message::{normalize, parse};
use oge_tools::for_each_tool;
use oge_tools::tools::{self, Tool};
use rmcp::model::{CallToolRequestParams, ClientRequest, JsonRpcMessage};
use serde::de::DeserializeOwned;

use crate::arguments::{from_value, prepared};

/// Input: one message, as in a line or a body.
pub(crate) fn target(data: &[u8]) {
    let message = match normalize(data).and_then(parse) {
        Ok(message) => message,
        Err(refusal) => {
            assert!(refusal.reason.len() < 200, "{refusal:?}");
            assert_eq!(refusal.code.is_some(), refusal.to_json().is_some());
            return;
        }
    };
    let JsonRpcMessage::Request(message) = message else { return };
    let ClientRequest::CallToolRequest(call) = message.request else { return };
    let params = call.params;
    macro_rules! each {
        ($($module:ident, $name:literal, $tool:ident;)*) => {
            match &*params.name {
                $(tools::$tool::NAME => tool::<tools::$tool>(params),)*
                _ => {}
            }
        };
    }
    for_each_tool!(each);
}

fn tool<T: Tool<Arguments: DeserializeOwned>>(params: CallToolRequestParams) {
    let arguments = params.arguments.unwrap_or_default();
    let names = ignored::<T>(&arguments);
    assert!(names.len() <= 17 && names.iter().all(|name| name.chars().count() <= 64), "{names:?}");
    let wait = checked::<T>(arguments.clone()).map(|checked| checked.get("wait_seconds").cloned());
    if let Ok(Some(wait)) = wait {
        assert!(wait.as_u64().is_some_and(|seconds| seconds <= 600), "{wait}");
    }
    if let Ok(arguments) = from_value::<T>(arguments) {
        let _ = prepared::<T>(arguments);
    }
}
