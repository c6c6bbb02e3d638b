//! A tool's arguments and the request made of them.

use std::time::Duration;

use oge_mcp_server::arguments::{checked, take};
use oge_tools::authorization::Authorization;
use oge_tools::error::{Failure, Fault};
use oge_tools::for_each_tool;
use oge_tools::request::Request;
use oge_tools::tools::{self, Tool};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use crate::input;
use crate::platform::settings;

const NOW: Duration = Duration::from_secs(1_700_000_000);

/// Input: a digit for the tool, and its arguments as JSON.
pub(crate) fn target(data: &[u8]) {
    macro_rules! each {
        ($($module:ident, $name:literal, $tool:ident;)*) => {
            [$(tool::<tools::$tool> as fn(&[u8]),)*]
        };
    }
    let tools = for_each_tool!(each);
    let (tool, json) = input::choice(data, &tools);
    tool(json);
}

/// Asserts that arguments from a host (text) and from an assistant (value) make the same request.
fn tool<T: Tool<Arguments: DeserializeOwned>>(json: &[u8]) {
    let text = serde_json::from_slice::<T::Arguments>(json);
    let Ok(value) = serde_json::from_slice::<Map<String, Value>>(json) else { return };
    // A blank argument from an assistant counts as missing. A host passes it as it is, so they differ.
    let is_blank = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    if value.values().any(is_blank) {
        let _ = from_value::<T>(value);
        return;
    }
    let (Ok(text), Ok(value)) = (text, from_value::<T>(value)) else { return };
    assert_eq!(prepared::<T>(text), prepared::<T>(value));
}

/// Reads arguments from a value.
///
/// # Errors
/// The message for the client.
pub(crate) fn from_value<T: Tool<Arguments: DeserializeOwned>>(
    arguments: Map<String, Value>,
) -> Result<T::Arguments, String> {
    assert_hides_token::<T>(arguments.clone());
    read::<T>(arguments).map_err(|failure| failure.message)
}

/// Reads arguments like the server, which handles `wait_seconds` itself.
fn read<T: Tool<Arguments: DeserializeOwned>>(
    arguments: Map<String, Value>,
) -> Result<T::Arguments, Failure> {
    let mut checked = checked::<T>(arguments)?;
    checked.remove("wait_seconds");
    take::<T>(checked)
}

/// Asserts that no message shows a token, whatever its JSON type.
fn assert_hides_token<T: Tool<Arguments: DeserializeOwned>>(mut arguments: Map<String, Value>) {
    if input::gives_itself_away(&serde_json::to_vec(&arguments).unwrap_or_default()) {
        return;
    }
    match arguments.get_mut("auth_token") {
        Some(Value::String(token)) => token.push_str(input::TOKEN),
        Some(Value::Object(token)) => drop(token.insert(String::new(), input::TOKEN.into())),
        Some(Value::Array(token)) => token.push(input::TOKEN.into()),
        _ => return,
    }
    match read::<T>(arguments).map(|arguments| T::prepare(arguments, &settings(), || NOW)) {
        Ok(Ok(prepared)) => input::assert_hides(&format!("{:?}", prepared.request)),
        Ok(Err(fault)) => input::assert_hides(&format!("{fault:?}")),
        Err(failure) => input::assert_hides(&failure.message),
    }
}

/// Returns the request of valid arguments or their fault, and asserts the properties of both.
pub(crate) fn prepared<T: Tool>(
    arguments: T::Arguments,
) -> Result<(Request, Authorization), Fault> {
    let settings = settings();
    let prepared = T::prepare(arguments, &settings, || NOW).inspect_err(|fault| {
        let (Fault::Argument(_, problem) | Fault::Setting(_, problem)) = fault;
        assert!(problem.len() < 300, "{problem}");
    })?;
    let request = prepared.request;
    assert!(settings.may_get_token(request.url.origin()));
    assert!(request.url.path_and_query().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!request.url.is_too_long());
    assert!(request.headers.iter().all(|header| header.name == "content-type"));
    if let Some(body) = &request.body {
        assert!(serde_json::from_str::<IgnoredAny>(body).is_ok(), "{body}");
    }
    match &prepared.authorization {
        Authorization::Caller(token) => {
            let token = token.expose().strip_prefix("Bearer ").expect("a bearer token");
            assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        Authorization::Store { retry } => assert!(retry),
        Authorization::FromHeaders => panic!("a tool without a token"),
    }
    Ok((request, prepared.authorization))
}
