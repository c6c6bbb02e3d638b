//! One message of a client: from the bytes of a line or of a body to JSON that the SDK takes, or to the
//! JSON-RPC error that answers it.
//!
//! The SDK drops what it cannot read, and answers some of it with another error than the protocol's. Both
//! transports call [`normalize`] first.

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

/// The bytes are no JSON text.
pub const PARSE_ERROR: i32 = -32700;
/// The JSON is no message of JSON-RPC.
pub const INVALID_REQUEST: i32 = -32600;
/// The `params` do not fit the method.
pub const INVALID_PARAMS: i32 = -32602;

/// Where a request says whether its progress is wanted.
const META: &str = "/params/_meta";
const PROGRESS: &str = "progressToken";

/// How deep the JSON reader goes.
const MAX_DEPTH: usize = 127;

/// Why a message is not taken. No part of the message is in it but its id.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The error's code; `None` if the protocol forbids an answer (notifications and responses).
    pub code: Option<i32>,
    /// The request's id, `null` where none can be read.
    pub id: Value,
    /// What is wrong, for the client and for the log.
    pub reason: String,
}

impl Refusal {
    /// A refusal with this code.
    #[must_use]
    pub fn new(code: i32, id: Value, reason: impl Into<String>) -> Self {
        Self { code: Some(code), id, reason: reason.into() }
    }

    fn silent(reason: &str) -> Self {
        Self { code: None, id: Value::Null, reason: reason.to_owned() }
    }

    /// The JSON-RPC error that answers the message; `None` if nothing may.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        let error = json!({ "code": self.code?, "message": self.reason });
        Some(json!({ "jsonrpc": "2.0", "id": self.id, "error": error }).to_string())
    }
}

/// Reads one message into JSON that [`parse`] and the SDK take.
///
/// A byte order mark is skipped, half a surrogate pair becomes U+FFFD, and what `initialize` may lack is
/// filled in.
///
/// # Errors
/// Where the bytes are no message of JSON-RPC.
pub fn normalize(bytes: &[u8]) -> Result<Value, Refusal> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let unreadable = |code, reason: String| Err(Refusal::new(code, IdFinder::find(bytes), reason));
    let Ok(text) = str::from_utf8(bytes) else {
        return unreadable(PARSE_ERROR, "Parse error: the message is not UTF-8".to_owned());
    };
    // JavaScript writes half a surrogate pair where it cut an emoji.
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

/// What is too much in JSON that no value can hold, and in which argument it stands.
fn excess(text: &str) -> String {
    let is_too_much = |text: &str| serde_json::from_str::<Value>(text).is_err();
    let argument =
        field(text, "params").and_then(|params| field(params, "arguments")).and_then(|arguments| {
            // A name that is no tool's may be anything.
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

/// The last field of an object for which `is` holds, as JSON has it.
fn find(object: &str, is: impl Fn(&str, &str) -> bool) -> Option<(String, &str)> {
    let mut found = None;
    // The text was read as JSON before.
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

/// How deep JSON is nested.
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

/// Whether a call asks for its progress, which comes as events over HTTP.
#[must_use]
pub fn asks_for_progress(message: &Value) -> bool {
    message.pointer(META).is_some_and(|meta| meta.get(PROGRESS).is_some())
}

/// Takes that out: the call then reports nothing.
pub fn forget_progress(message: &mut Value) {
    if let Some(Value::Object(meta)) = message.pointer_mut(META) {
        meta.remove(PROGRESS);
    }
}

/// Reads a message that [`normalize`] returned.
///
/// # Errors
/// Where it is no message of MCP, or its `params` do not fit its method.
pub fn parse(message: Value) -> Result<ClientJsonRpcMessage, Refusal> {
    let id = message.get("id").cloned();
    match ClientJsonRpcMessage::deserialize(message) {
        Ok(JsonRpcMessage::Request(request)) => match &request.request {
            // The SDK takes a method that it knows for a foreign one where the params do not fit.
            ClientRequest::CustomRequest(custom) if is_served(&custom.method) => {
                let reason = format!("Invalid params: they do not fit {}", custom.method);
                Err(Refusal::new(INVALID_PARAMS, id.unwrap_or_default(), reason))
            }
            _ => Ok(JsonRpcMessage::Request(request)),
        },
        Ok(message) => Ok(message),
        Err(_) => Err(id.map_or_else(
            || Refusal::silent("a notification that is no message of MCP"),
            |id| Refusal { id, ..invalid("it is no message of MCP") },
        )),
    }
}

/// The methods that this server answers.
fn is_served(method: &str) -> bool {
    matches!(method, "initialize" | "ping" | "tools/list" | "tools/call" | "server/discover")
}

fn invalid(reason: &str) -> Refusal {
    Refusal::new(INVALID_REQUEST, Value::Null, format!("Invalid Request: {reason}"))
}

/// The message with what it may lack filled in.
fn checked(mut message: JsonObject) -> Result<JsonObject, Refusal> {
    let id = match message.get("id") {
        // A response's id may be of any kind: it is no id of ours.
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
            return Err(Refusal::silent("a response, and nothing was asked"));
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

/// Whether a number is an id that the SDK can send back.
fn is_id(id: &Value) -> bool {
    rmcp::model::RequestId::deserialize(id).is_ok()
}

/// Fills in what the params may lack, or says which of them does not fit.
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

/// The value of `name`, which is `default` where there is none.
fn or_default<'a>(object: &'a mut JsonObject, name: &str, default: Value) -> &'a mut Value {
    let value = object.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = default;
    }
    value
}

/// What a value is, and nothing of what it says.
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
