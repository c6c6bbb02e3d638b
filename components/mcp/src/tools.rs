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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use oge_tools::settings::Settings;
    use oge_tools::tools::{
        CoverageAspectAnalysis, ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, SubmitBatchTask,
    };
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use crate::arguments;

    fn settings() -> Settings {
        let value = |key: &str| match key {
            "OGE_API_URL" => Some("http://oge.test/process"),
            "OGE_DAG_URL" => Some("http://oge.test/dag"),
            "OGE_USER_ID" | "OGE_USERNAME" => Some("someone"),
            _ => None,
        };
        Settings::read(|key| value(key).map(str::to_owned)).unwrap()
    }

    /// The request that a tool makes of these arguments.
    fn request<T: oge_tools::tools::Tool<Arguments: DeserializeOwned>>(
        mut given: JsonObject,
    ) -> String {
        arguments::take_number::<T>(&mut given, "wait_seconds", 600).unwrap();
        let arguments = arguments::read::<T>(given).unwrap();
        let prepared = T::prepare(arguments, &settings(), || Duration::ZERO).unwrap();
        format!("{} {:?}", prepared.request.url.path_and_query(), prepared.request.body)
    }

    /// Each required argument as its example, each optional one as its default or left out: what the
    /// file says is what the tool takes, and a default that is spelt out changes nothing.
    fn holds<T: oge_tools::tools::Tool<Arguments: DeserializeOwned>>() {
        let tool = all().iter().find(|tool| tool.name == T::NAME).unwrap();
        let properties = tool.input_schema["properties"].as_object().unwrap();
        let required = tool.input_schema.get("required").and_then(Value::as_array);
        let (mut bare, mut whole) = (JsonObject::new(), JsonObject::new());
        for (name, property) in properties {
            if required.is_some_and(|required| required.iter().any(|other| other == name)) {
                bare.insert(name.clone(), property["examples"][0].clone());
                whole.insert(name.clone(), property["examples"][0].clone());
            } else {
                whole.insert(name.clone(), property["default"].clone());
            }
        }
        assert!(!whole.is_empty());
        assert_eq!(request::<T>(bare), request::<T>(whole), "{}", T::NAME);
    }

    #[test]
    fn each_file_says_what_its_tool_takes() {
        holds::<CoverageAspectAnalysis>();
        holds::<RunBigQuery>();
        holds::<ExecuteCodeToDag>();
        holds::<SubmitBatchTask>();
        holds::<QueryTaskStatus>();
    }

    #[test]
    fn every_file_is_read() {
        assert_eq!(all().len(), TOOLS.len());
        assert!(all().iter().all(|tool| tool.output_schema.as_ref().is_some_and(|schema| {
            schema["required"].as_array().is_some_and(|required| required.len() == 7)
        })));
    }
}
