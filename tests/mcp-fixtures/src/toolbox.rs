//! The suite's test tools. The suite defines their names and results.

use std::cell::RefCell;
use std::collections::HashSet;

use oge_mcp_server::server::Toolbox;
use oge_mcp_server::task_id::{TaskId, TaskKey};
use oge_tools::client::Clock as _;
use oge_tools::wasi::clock::WasiClock;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
    CreateTaskResult, DetailedTask, JsonObject, ProgressNotificationParam, ReadResourceResult,
    ResourceContents, TaskPayload, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

thread_local! {
    /// The cancelled tasks. The tests start the server so that its instance serves all requests.
    static CANCELLED: RefCell<HashSet<String>> = RefCell::default();
}

/// An image of one transparent pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// An audio file without samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// The tools without arguments.
const PLAIN: [&str; 15] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_logging_tool",
    "greet",
    "slow_compute",
    "failing_job",
    "protocol_error_job",
    "confirm_delete",
];

/// The test tools.
pub(crate) struct Fixtures(Vec<Tool>);

impl Fixtures {
    /// Returns all tools that the applicable scenarios call or read.
    pub(crate) fn new() -> Self {
        let nothing = r#"{"type":"object"}"#;
        let mut tools: Vec<_> = PLAIN.map(|name| tool(name, nothing)).into();
        tools.push(tool("test_x_mcp_header", include_str!("x_mcp_header.json")));
        tools.push(tool("json_schema_2020_12_tool", include_str!("json_schema_2020_12.json")));
        Self(tools)
    }
}

fn tool(name: &'static str, schema: &str) -> Tool {
    let schema: JsonObject = serde_json::from_str(schema).unwrap_or_default();
    Tool::new(name, "A test tool of the conformance suite", schema)
}

impl Toolbox for Fixtures {
    fn tools(&self) -> &[Tool] {
        &self.0
    }

    async fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(task) = begin(&request, &context) {
            return Ok(task.into());
        }
        let content = match &*request.name {
            "greet" => {
                let name = argument(&request, "name");
                let name = name.and_then(Value::as_str).unwrap_or_default();
                vec![ContentBlock::text(format!("Hello, {name}!"))]
            }
            "test_image_content" => vec![ContentBlock::image(PNG, "image/png")],
            "test_audio_content" => vec![ContentBlock::audio(WAV, "audio/wav")],
            "test_embedded_resource" => {
                let text = "This is an embedded resource content.";
                vec![ContentBlock::embedded_text("test://embedded-resource", text)]
            }
            "test_multiple_content_types" => {
                let resource = ResourceContents::text(
                    r#"{"test":"data","value":123}"#,
                    "test://mixed-content-resource",
                );
                vec![
                    ContentBlock::text("Multiple content types test:"),
                    ContentBlock::image(PNG, "image/png"),
                    ContentBlock::resource(resource.with_mime_type("application/json")),
                ]
            }
            "test_error_handling" => {
                let text = "This tool intentionally returns an error for testing";
                return Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into());
            }
            "test_tool_with_progress" => {
                progress(&context).await;
                vec![ContentBlock::text("It went on.")]
            }
            "test_missing_capability" => {
                let declared = context.client_capabilities();
                if declared.is_none_or(|declared| declared.sampling.is_none()) {
                    #[expect(deprecated, reason = "the suite asks for this capability")]
                    let needed = ClientCapabilities::builder().enable_sampling().build();
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
                vec![ContentBlock::text("The client can sample.")]
            }
            name if self.0.iter().any(|tool| tool.name == name) => {
                vec![ContentBlock::text("This is a simple text response for testing.")]
            }
            name => {
                return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None));
            }
        };
        Ok(CallToolResult::success(content).into())
    }

    async fn task(
        &self,
        text: String,
        _context: RequestContext<RoleServer>,
    ) -> Result<DetailedTask, ErrorData> {
        let id = TaskId::read(&text, &key())?;
        let now = WasiClock.wall();
        let payload = if CANCELLED.with_borrow(|cancelled| cancelled.contains(&text)) {
            TaskPayload::Cancelled
        } else if id.waited(now) < id.wait() {
            TaskPayload::Working
        } else {
            ended(&id.tool)
        };
        Ok(DetailedTask::new(id.task(text, now), payload))
    }

    async fn check_task(
        &self,
        text: String,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        TaskId::read(&text, &key()).map(drop)
    }

    async fn cancel_task(
        &self,
        text: String,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        TaskId::read(&text, &key())?;
        CANCELLED.with_borrow_mut(|cancelled| cancelled.insert(text));
        Ok(())
    }

    async fn read_resource(
        &self,
        _uri: String,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResult, ErrorData> {
        Err(ErrorData::resource_not_found("The fixtures have no resources", None))
    }
}

fn key() -> TaskKey {
    TaskKey::read(|_| None)
}

fn argument<'a>(request: &'a CallToolRequestParams, name: &str) -> Option<&'a Value> {
    request.arguments.as_ref()?.get(name)
}

/// Returns the task that a call begins, if any. `failing_job` always begins one, so it fails for a client that did
/// not declare tasks.
fn begin(
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Option<CreateTaskResult> {
    let has_tasks = context.client_capabilities().is_some_and(|it| it.supports_tasks());
    let wait = match &*request.name {
        "slow_compute" if has_tasks => argument(request, "seconds")?.as_u64().filter(|s| *s > 0)?,
        "protocol_error_job" if has_tasks => 1,
        "failing_job" => 1,
        _ => return None,
    };
    let now = WasiClock.wall();
    let started = u64::try_from(now.as_millis()).ok()?;
    let id = TaskId { tool: request.name.to_string(), started, wait, state: Value::Null };
    let task = id.task(id.to_text(&key())?, now).with_poll_interval_ms(200);
    Some(CreateTaskResult::new(task))
}

/// Returns how a tool's task ends.
fn ended(tool: &str) -> TaskPayload {
    let object = |value| match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    };
    let text = json!([{ "type": "text", "text": "It took its time." }]);
    match tool {
        "protocol_error_job" => TaskPayload::Failed {
            error: object(json!({ "code": -32603, "message": "The server broke." })),
        },
        _ => TaskPayload::Completed {
            result: object(json!({ "content": text, "isError": tool == "failing_job" })),
        },
    }
}

/// Sends three progress notifications.
async fn progress(context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else { return };
    for step in [0.0, 50.0, 100.0] {
        let progress = ProgressNotificationParam::new(token.clone(), step).with_total(100.0);
        // If the client has disconnected, the scenario fails anyway.
        let _ = context.peer.notify_progress(progress).await;
    }
}
