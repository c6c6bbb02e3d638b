//! What a client gets: the envelope, as text and as structured content.

use oge_tools::envelope::Envelope;
use oge_tools::error::Failure;
use oge_tools::json;
use oge_tools::tools::{Done, Tool};
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::{Map, Value};

/// The result of a call of `T`.
pub fn to_result<T: Tool>(result: Result<Done<T::Output>, Failure>) -> CallToolResult {
    let is_error = result.is_err();
    let text = match result {
        Ok(done) => Envelope::of::<T>(Ok(done)).to_json(),
        Err(failure) => Failed::of::<T>(&failure),
    };
    let structured = structured(&text);
    let content = vec![ContentBlock::text(text)];
    let mut result = CallToolResult::success(content);
    result.is_error = Some(is_error);
    result.structured_content = Some(structured);
    result
}

/// The envelope of a failure, and beside its old fields what a program acts on.
#[derive(Serialize)]
struct Failed<'a, T> {
    #[serde(flatten)]
    envelope: Envelope<T>,
    error: Error<'a>,
}

impl<'a, O: Serialize> Failed<'a, O> {
    fn of<T: Tool<Output = O>>(failure: &'a Failure) -> String {
        let error = Error {
            kind: failure.kind.as_str(),
            message: &failure.message,
            attempts: failure.attempts,
            http_status: failure.http_status,
            api_code: failure.api_code,
            body: failure.body.as_deref(),
        };
        let envelope = Envelope::of::<T>(Err(failure));
        // Texts and numbers always have a JSON form.
        serde_json::to_string(&Self { envelope, error }).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Error<'a> {
    kind: &'static str,
    message: &'a str,
    attempts: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

/// The envelope as a value. A field that no value can hold, such as JSON nested too deep, is told as
/// text there; the text content has it as it is.
fn structured(envelope: &str) -> Value {
    if let Ok(value) = serde_json::from_str(envelope) {
        return value;
    }
    let mut values = Map::new();
    // An envelope is an object.
    let _ = json::fields(envelope, &mut |name, raw| {
        let value = serde_json::from_str(raw.get());
        let value = value.unwrap_or_else(|_| Value::String(raw.get().to_owned()));
        values.insert(name.to_owned(), value);
    });
    Value::Object(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use oge_tools::error::FailureKind;
    use oge_tools::tools::{Computation, RunBigQuery};
    use serde_json::json;

    fn done(data: &str) -> CallToolResult {
        let output = Computation { data: data.to_owned() };
        to_result::<RunBigQuery>(Ok(Done { output, attempts: 1, elapsed: Duration::from_secs(2) }))
    }

    fn text(result: &CallToolResult) -> &str {
        &result.content[0].as_text().unwrap().text
    }

    #[test]
    fn success_is_the_envelope_twice() {
        let result = done(r#"{"b": 1.50, "a": "坡"}"#);
        assert_eq!(result.is_error, Some(false));
        assert_eq!(
            text(&result),
            r#"{"success":true,"code":0,"msg":"大数据查询执行成功","data":{"b":1.50,"a":"坡"},"operation":"大数据查询","execution_time":2.0,"api_endpoint":"intranet"}"#
        );
        let structured = result.structured_content.unwrap();
        assert_eq!(structured["data"], json!({"a": "坡", "b": 1.5}));
        assert_eq!(structured["success"], json!(true));
    }

    #[test]
    fn failure_keeps_the_envelope_and_says_what_to_act_on() {
        let failure = Failure {
            attempts: 2,
            http_status: Some(200),
            api_code: Some(40003),
            ..Failure::new(FailureKind::Unauthorized, "大数据查询", "why")
        };
        let result = to_result::<RunBigQuery>(Err(failure));
        assert_eq!(result.is_error, Some(true));
        assert_eq!(
            text(&result),
            r#"{"success":false,"code":1,"msg":"大数据查询失败: why (状态码: 未知状态码)","data":null,"operation":"大数据查询","execution_time":null,"api_endpoint":"oge","error":{"kind":"unauthorized","message":"why","attempts":2,"http_status":200,"api_code":40003}}"#
        );
        let structured = result.structured_content.as_ref().unwrap();
        assert_eq!(*structured, serde_json::from_str::<Value>(text(&result)).unwrap());
    }

    #[test]
    fn what_no_value_can_hold_is_told_as_text() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let result = done(&deep);
        assert!(text(&result).contains(&deep));
        let structured = result.structured_content.unwrap();
        assert_eq!((&structured["data"], &structured["code"]), (&json!(deep), &json!(0)));
    }
}
