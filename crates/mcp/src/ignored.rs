//! `ignored_arguments`: the last field of an envelope, which names the arguments that the tool does not know.

use rmcp::model::CallToolResult;
use serde_json::json;

use crate::field;

const FIELD: &str = "ignored_arguments";

/// Returns how many bytes the field adds to a result.
pub(crate) fn bytes(names: &[String]) -> usize {
    if names.is_empty() { 0 } else { field::bytes(FIELD, &json!(names).to_string()) }
}

/// Adds the field to a result, unless there are no names.
pub(crate) fn tell(result: &mut CallToolResult, names: &[String]) {
    if !names.is_empty() {
        field::append(result, FIELD, &json!(names).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result;
    use oge_tools::error::{Failure, FailureKind};
    use oge_tools::tools::RunBigQuery;
    use serde_json::Value;

    #[test]
    fn text_and_structured_content_have_the_field_last() {
        let failure = Failure::new(FailureKind::Timeout, "大数据查询", "why");
        let mut result = result::failure::<RunBigQuery>(&failure);
        let before = result.clone();
        tell(&mut result, &[]);
        assert_eq!(result, before);
        let names = ["a\"b".to_owned(), "\u{1}".to_owned()];
        tell(&mut result, &names);
        let size = |result: &CallToolResult| serde_json::to_string(result).unwrap().len();
        assert_eq!(size(&result) - size(&before), bytes(&names));
        assert_eq!(bytes(&[]), 0);
        let text = &result.content[0].as_text().unwrap().text;
        assert!(
            text.ends_with(r#""attempts":0},"ignored_arguments":["a\"b","\u0001"]}"#),
            "{text}"
        );
        let envelope: Value = serde_json::from_str(text).unwrap();
        assert_eq!(result.structured_content, Some(envelope));
    }
}
