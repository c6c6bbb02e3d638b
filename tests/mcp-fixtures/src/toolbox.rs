//! The suite's test tools. The suite defines their names and results.

use oge_mcp_server::server::Toolbox;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
    JsonObject, ProgressNotificationParam, ResourceContents, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};

/// An image of one transparent pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// An audio file without samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// The tools without arguments.
const PLAIN: [&str; 10] = [
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
        let content = match &*request.name {
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
