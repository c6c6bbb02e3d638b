//! A field that is added at the end of a built envelope: to its text and to its structured content.

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::Value;

/// Returns how many bytes a field of this JSON adds to a result.
pub(crate) fn bytes(name: &str, json: &str) -> usize {
    let field = text(name, json);
    let is_escaped = |byte: &u8| matches!(byte, b'"' | b'\\');
    field.len() * 2 + field.bytes().filter(|byte| is_escaped(byte)).count()
}

/// Adds a field of this JSON, which must be compact.
pub(crate) fn append(result: &mut CallToolResult, name: &str, json: &str) {
    if let Some(ContentBlock::Text(content)) = result.content.first_mut()
        && content.text.ends_with('}')
    {
        // An envelope is a JSON object that is not empty.
        content.text.pop();
        content.text.push_str(&text(name, json));
        content.text.push('}');
    }
    if let Some(Value::Object(envelope)) = &mut result.structured_content {
        envelope.insert(name.to_owned(), serde_json::from_str(json).unwrap_or_default());
    }
}

fn text(name: &str, json: &str) -> String {
    [",\"", name, "\":", json].concat()
}
