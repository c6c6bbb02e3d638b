//! The descriptions of the tools: one JSON file per tool.

use std::sync::{Arc, OnceLock};

use oge_tools::for_each_tool;
use rmcp::model::{JsonObject, Tool};
use serde_json::Value;

use crate::card;

macro_rules! descriptions {
    ($($module:ident, $name:literal, $tool:ident;)*) => {
        const TOOLS: &[&str] = &[$(include_str!(concat!("tools/", stringify!($module), ".json")),)*];
    };
}

for_each_tool!(descriptions);

/// The output schema of every tool: the envelope.
const ENVELOPE: &str = include_str!("tools/envelope.json");

/// Returns the descriptions of the tools, which are parsed once.
pub fn all() -> &'static [Tool] {
    static ALL: OnceLock<Vec<Tool>> = OnceLock::new();
    ALL.get_or_init(|| {
        // Cannot fail, because the tests parse every file.
        let envelope: JsonObject = serde_json::from_str(ENVELOPE).unwrap_or_default();
        let envelope = Arc::new(envelope);
        let tools = TOOLS.iter().filter_map(|text| serde_json::from_str::<Tool>(text).ok());
        tools
            .map(|tool| card::with_card(tool.with_raw_output_schema(Arc::clone(&envelope))))
            .collect()
    })
}

/// Returns whether any tool has an argument of this name.
pub(crate) fn is_argument(name: &str) -> bool {
    all().iter().any(|tool| Schema(Some(&tool.input_schema)).knows(name))
}

/// Returns the input schema of the tool of this name.
pub(crate) fn schema(name: &str) -> Schema {
    let tool = all().iter().find(|tool| tool.name == name);
    Schema(tool.map(|tool| &*tool.input_schema))
}

/// The input schema of a tool.
#[derive(Clone, Copy)]
pub(crate) struct Schema(Option<&'static JsonObject>);

impl Schema {
    /// Returns each argument's name and schema.
    pub(crate) fn properties(self) -> impl Iterator<Item = (&'static String, &'static Value)> {
        self.object().into_iter().flatten()
    }

    /// Returns the names of the arguments.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        self.object().into_iter().flat_map(JsonObject::keys).map(String::as_str)
    }

    /// Returns whether the tool has an argument of this name.
    pub(crate) fn knows(self, name: &str) -> bool {
        self.object().is_some_and(|properties| properties.contains_key(name))
    }

    /// Returns whether an argument is required.
    pub(crate) fn requires(self, name: &str) -> bool {
        let required = self.0.and_then(|schema| schema.get("required")?.as_array());
        required.is_some_and(|required| required.iter().any(|other| other == name))
    }

    fn object(self) -> Option<&'static JsonObject> {
        self.0?.get("properties")?.as_object()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use oge_tools::error::FailureKind;
    use oge_tools::settings::Settings;
    use serde::de::DeserializeOwned;

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

    /// Returns the request that a tool prepares from these arguments.
    fn request<T: oge_tools::tools::Tool<Arguments: DeserializeOwned>>(
        given: JsonObject,
    ) -> String {
        let mut checked = arguments::checked::<T>(given).unwrap();
        checked.remove("wait_seconds");
        let arguments = arguments::take::<T>(checked).unwrap();
        let prepared = T::prepare(arguments, &settings(), || Duration::ZERO).unwrap();
        format!("{} {:?}", prepared.request.url.path_and_query(), prepared.request.body)
    }

    /// Checks that the tool accepts the examples of its required arguments, and that passing the defaults
    /// of the optional ones does not change the request.
    fn check<T: oge_tools::tools::Tool<Arguments: DeserializeOwned>>() {
        let tool = all().iter().find(|tool| tool.name == T::NAME).unwrap();
        let properties = tool.input_schema["properties"].as_object().unwrap();
        let required = tool.input_schema.get("required").and_then(Value::as_array);
        let (mut bare, mut whole) = (JsonObject::new(), JsonObject::new());
        for (name, property) in properties {
            if required.is_some_and(|required| required.iter().any(|other| other == name)) {
                bare.insert(name.clone(), property["examples"][0].clone());
                whole.insert(name.clone(), property["examples"][0].clone());
            } else if let Some(default) = property.get("default") {
                whole.insert(name.clone(), default.clone());
            }
        }
        assert!(!whole.is_empty());
        assert_eq!(request::<T>(bare), request::<T>(whole), "{}", T::NAME);
    }

    macro_rules! check_each {
        ($($module:ident, $name:literal, $tool:ident;)*) => {
            #[test]
            fn each_file_matches_its_tool() {
                $(check::<oge_tools::tools::$tool>();)*
            }
        };
    }

    for_each_tool!(check_each);

    #[test]
    fn the_envelope_has_every_failure_kind() {
        let envelope: Value = serde_json::from_str(ENVELOPE).unwrap();
        let listed = &envelope["properties"]["error"]["properties"]["kind"]["enum"];
        let kinds: Vec<_> = FailureKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(*listed, Value::from(kinds));
    }

    /// Several clients convert a union of types to text, or refuse the tool.
    #[test]
    fn every_schema_has_plain_types() {
        fn check(schema: &Value) {
            match schema {
                Value::Object(schema) => {
                    assert!(schema.get("type").is_none_or(|kind| !kind.is_array()), "{schema:?}");
                    assert!(schema.get("default").is_none_or(|default| !default.is_null()));
                    for keyword in ["$ref", "anyOf", "oneOf", "allOf", "not"] {
                        assert!(!schema.contains_key(keyword), "{schema:?}");
                    }
                    schema.values().for_each(check);
                }
                Value::Array(items) => items.iter().for_each(check),
                Value::String(text) => assert_ne!(text, "null"),
                _ => {}
            }
        }
        for tool in all() {
            check(&Value::Object((*tool.input_schema).clone()));
            check(&Value::Object((**tool.output_schema.as_ref().unwrap()).clone()));
        }
    }

    #[test]
    fn every_file_is_read() {
        assert_eq!(all().len(), TOOLS.len());
        assert!(all().iter().all(|tool| tool.output_schema.as_ref().is_some_and(|schema| {
            schema["required"].as_array().is_some_and(|required| required.len() == 7)
        })));
    }
}
