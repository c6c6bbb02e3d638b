//! What a client is told of each tool: one file a tool, data and no code.

use std::sync::{Arc, OnceLock};

use rmcp::model::{JsonObject, Tool};

const TOOLS: [&str; 5] = [
    include_str!("tools/coverage_aspect_analysis.json"),
    include_str!("tools/run_big_query.json"),
    include_str!("tools/execute_code_to_dag.json"),
    include_str!("tools/submit_batch_task.json"),
    include_str!("tools/query_task_status.json"),
];

/// The result of every tool: the envelope.
const ENVELOPE: &str = include_str!("tools/envelope.json");

/// The five tools, read once.
pub fn all() -> &'static [Tool] {
    static ALL: OnceLock<Vec<Tool>> = OnceLock::new();
    ALL.get_or_init(|| {
        // Data of this crate: the tests read every file.
        let envelope: JsonObject = serde_json::from_str(ENVELOPE).unwrap_or_default();
        let envelope = Arc::new(envelope);
        let tools = TOOLS.iter().filter_map(|text| serde_json::from_str::<Tool>(text).ok());
        tools.map(|tool| tool.with_raw_output_schema(Arc::clone(&envelope))).collect()
    })
}
