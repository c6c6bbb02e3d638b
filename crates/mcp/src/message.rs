//! Converts the bytes of a client's message to JSON that the SDK accepts, or to a JSON-RPC error.
//!
//! The SDK drops messages that it cannot parse, or responds to them with other errors than the protocol
//! requires. So both transports call [`normalize`] first.

mod id;
mod in_flight;
mod lines;

pub use id::IdFinder;
pub use in_flight::InFlight;
pub use lines::Lines;

use oge_tools::json;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, InitializeRequestParams, JsonObject, JsonRpcMessage,
};
use serde::Deserialize as _;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::tools;

/// The bytes are not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The JSON is not a JSON-RPC message.
pub const INVALID_REQUEST: i32 = -32600;
/// The `params` do not fit the method.
pub const INVALID_PARAMS: i32 = -32602;

/// The place of a request's progress token.
const META: &str = "/params/_meta";
const PROGRESS: &str = "progressToken";

/// The deepest nesting that the JSON parser accepts.
const MAX_DEPTH: usize = 127;

/// Why a message is refused. It has no part of the message but its id.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The error's code. `None` if the protocol forbids a response (to notifications and responses).
    pub code: Option<i32>,
    /// The request's id, or `null` if none can be read.
    pub id: Value,
    /// What is wrong, for the client and for the log.
    pub reason: String,
}

impl Refusal {
    /// Returns a refusal with this code.
    #[must_use]
    pub fn new(code: i32, id: Value, reason: impl Into<String>) -> Self {
        Self { code: Some(code), id, reason: reason.into() }
    }

    fn silent(reason: &str) -> Self {
        Self { code: None, id: Value::Null, reason: reason.to_owned() }
    }

    /// Returns the JSON-RPC error to respond with. `None` if the protocol forbids a response.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        let error = json!({ "code": self.code?, "message": self.reason });
        Some(json!({ "jsonrpc": "2.0", "id": self.id, "error": error }).to_string())
    }
}

/// Converts a message to JSON that [`parse`] and the SDK accept.
///
/// Skips a byte order mark, replaces half a surrogate pair with U+FFFD, and adds the fields that `initialize`
/// may lack.
///
/// # Errors
/// Fails if the bytes are not a JSON-RPC message.
pub fn normalize(bytes: &[u8]) -> Result<Value, Refusal> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let unreadable = |code, reason: String| Err(Refusal::new(code, IdFinder::find(bytes), reason));
    let Ok(text) = str::from_utf8(bytes) else {
        return unreadable(PARSE_ERROR, "Parse error: the message is not UTF-8".to_owned());
    };
    // JavaScript writes half a surrogate pair if it cuts an emoji.
    let mut whole = String::new();
    let text = if text.contains("\\u") {
        text.clone_into(&mut whole);
        json::replace_lone_surrogates(&mut whole);
        &whole
    } else {
        text
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(message)) => checked(message).map(Value::Object),
        Ok(Value::Array(_)) => {
            Err(invalid("a batch is not supported; send each message on its own"))
        }
        Ok(_) => Err(invalid("a message is a JSON object")),
        Err(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            unreadable(INVALID_REQUEST, format!("Invalid Request: {}", excess(text)))
        }
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let place = format!("Parse error: no JSON at line {line}, column {column}");
            unreadable(PARSE_ERROR, place)
        }
    }
}

/// Describes what a JSON value cannot hold (a large number or deep nesting), with the argument that has it.
fn excess(text: &str) -> String {
    let is_too_much = |text: &str| serde_json::from_str::<Value>(text).is_err();
    let argument =
        field(text, "params").and_then(|params| field(params, "arguments")).and_then(|arguments| {
            // Other names are not shown, because they may be anything.
            find(arguments, |name, value| tools::is_argument(name) && is_too_much(value))
        });
    let (place, text) = match &argument {
        Some((name, value)) => (format!("`{name}`"), *value),
        None => ("it".to_owned(), text),
    };
    if depth(text) > MAX_DEPTH {
        format!("{place} is nested too deep")
    } else {
        format!("a number in {place} is too large")
    }
}

/// Returns the last field of an object that satisfies `is`, with its value as JSON text.
fn find(object: &str, is: impl Fn(&str, &str) -> bool) -> Option<(String, &str)> {
    let mut found = None;
    // Cannot fail, because the text was parsed as JSON before.
    let _ = json::fields(object, &mut |name, value| {
        if is(name, value.get()) {
            found = Some((name.to_owned(), value.get()));
        }
    });
    found
}

fn field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    find(object, |other, _| other == name).map(|(_, value)| value)
}

/// Returns how deep JSON text is nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            b'"' if !is_escaped => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_escaped = byte == b'\\' && !is_escaped;
        deepest = deepest.max(depth);
    }
    deepest
}

/// Returns whether a call asks for progress notifications, which are sent as events over HTTP.
#[must_use]
pub fn asks_for_progress(message: &Value) -> bool {
    message.pointer(META).is_some_and(|meta| meta.get(PROGRESS).is_some())
}

/// Removes the progress token, so that the call reports nothing.
pub fn forget_progress(message: &mut Value) {
    if let Some(Value::Object(meta)) = message.pointer_mut(META) {
        meta.remove(PROGRESS);
    }
}

/// Parses a message that [`normalize`] returned.
///
/// # Errors
/// Fails if it is not an MCP message, or if its `params` do not fit its method.
pub fn parse(message: Value) -> Result<ClientJsonRpcMessage, Refusal> {
    let id = message.get("id").cloned();
    match ClientJsonRpcMessage::deserialize(message) {
        Ok(JsonRpcMessage::Request(request)) => match &request.request {
            // If the params do not fit a known method, the SDK parses it as a custom one.
            ClientRequest::CustomRequest(custom) if is_served(&custom.method) => {
                let reason = format!("Invalid params: they do not fit {}", custom.method);
                Err(Refusal::new(INVALID_PARAMS, id.unwrap_or_default(), reason))
            }
            _ => Ok(JsonRpcMessage::Request(request)),
        },
        Ok(message) => Ok(message),
        Err(_) => Err(id.map_or_else(
            || Refusal::silent("a notification that is not an MCP message"),
            |id| Refusal { id, ..invalid("it is not an MCP message") },
        )),
    }
}

/// Returns whether this server supports a method.
fn is_served(method: &str) -> bool {
    let served = ["initialize", "ping", "tools/list", "tools/call", "server/discover"];
    let resources = ["resources/list", "resources/templates/list", "resources/read"];
    let tasks = ["tasks/get", "tasks/update", "tasks/cancel"];
    [&served[..], &resources, &tasks].iter().any(|methods| methods.contains(&method))
}

fn invalid(reason: &str) -> Refusal {
    Refusal::new(INVALID_REQUEST, Value::Null, format!("Invalid Request: {reason}"))
}

/// Checks a message, and adds the fields that it may lack.
fn checked(mut message: JsonObject) -> Result<JsonObject, Refusal> {
    let id = match message.get("id") {
        // The id of a response may have any type, because responses are ignored.
        Some(id) if !is_id(id) && message.contains_key("method") => {
            return Err(invalid("`id` must be a text or a whole number"));
        }
        id => id.cloned(),
    };
    let refused = |refusal: Refusal| match &id {
        Some(id) => Refusal { id: id.clone(), ..refusal },
        None => Refusal { code: None, ..refusal },
    };
    let method = match message.get("method") {
        Some(Value::String(method)) => method.clone(),
        None if message.contains_key("result") || message.contains_key("error") => {
            return Err(Refusal::silent("a response, but this server sends no requests"));
        }
        _ => {
            let id = id.filter(is_id).unwrap_or_default();
            return Err(Refusal { id, ..invalid("`method` must be a text") });
        }
    };
    if message.get("jsonrpc").is_none_or(|version| version != "2.0") {
        return Err(refused(invalid("`jsonrpc` must be \"2.0\"")));
    }
    if message.contains_key("result") || message.contains_key("error") {
        return Err(refused(invalid("a request has neither `result` nor `error`")));
    }
    if message.get("params").is_some_and(Value::is_null) {
        message.remove("params");
    }
    let params = message.get_mut("params");
    fit(&method, params).map_err(|reason| {
        let reason = format!("Invalid params: {reason}");
        refused(Refusal::new(INVALID_PARAMS, Value::Null, reason))
    })?;
    Ok(message)
}

/// Returns whether a value is an id that the SDK can send back.
fn is_id(id: &Value) -> bool {
    rmcp::model::RequestId::deserialize(id).is_ok()
}

/// Adds the fields that the params may lack. Returns what is wrong with them as the error.
fn fit(method: &str, params: Option<&mut Value>) -> Result<(), String> {
    let must = |name: &str, what: &str, was: &Value| {
        Err(format!("`{name}` must be {what}; it was {}", kind(was)))
    };
    let params = match params {
        Some(Value::Object(params)) => params,
        Some(other) => return must("params", "an object", other),
        None if matches!(method, "initialize" | "tools/call") => {
            return Err(format!("{method} needs `params`"));
        }
        None => return Ok(()),
    };
    match params.get("_meta") {
        None | Some(Value::Object(_)) => {}
        Some(Value::Null) => drop(params.remove("_meta")),
        Some(other) => return must("_meta", "an object", other),
    }
    match method {
        "tools/call" => {
            match params.get("name") {
                Some(Value::String(_)) => {}
                Some(other) => return must("name", "a text", other),
                None => return Err("`name` is missing: the tool to call".to_owned()),
            }
            match params.get("arguments") {
                None | Some(Value::Null | Value::Object(_)) => Ok(()),
                Some(other) => must("arguments", "an object", other),
            }
        }
        "initialize" => {
            match params.get("protocolVersion") {
                Some(Value::String(_)) => {}
                Some(other) => return must("protocolVersion", "a text", other),
                None => return Err("`protocolVersion` is missing".to_owned()),
            }
            let client = or_default(params, "clientInfo", json!({}));
            let Value::Object(client) = client else {
                return must("clientInfo", "an object", client);
            };
            or_default(client, "name", json!(""));
            or_default(client, "version", json!(""));
            or_default(params, "capabilities", json!({}));
            InitializeRequestParams::deserialize(Value::Object(params.clone()))
                .map(drop)
                .map_err(|_| "`clientInfo` or `capabilities` cannot be read".to_owned())
        }
        _ => Ok(()),
    }
}

/// Returns the value of `name`, set to `default` if it was absent or null.
fn or_default<'a>(object: &'a mut JsonObject, name: &str, default: Value) -> &'a mut Value {
    let value = object.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = default;
    }
    value
}

/// Describes the type of a value without its content.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
