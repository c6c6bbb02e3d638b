//! The result of a call: the envelope as text and as structured content, within the limit of a setting.
//!
//! A result has the platform's response twice, once escaped. So it is measured before anything is copied
//! ([`measure`]), waits for the memory that it needs, and is built in buffers of the right size
//! ([`Measured::build`]).

use std::io;

use oge_tools::envelope::Envelope;
use oge_tools::error::{Failure, FailureKind, Fault};
use oge_tools::json;
use oge_tools::tools::{Completed, Tool};
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::field;

/// The field that a failure has besides the old ones.
const ERROR: &str = "error";

const KEY: &str = "OGE_MCP_MAX_RESULT_BYTES";

/// The bytes of a message around its result: the JSON-RPC fields with an `id`, and what the SDK adds in the
/// newest protocol, such as the server's name. That is about 300 bytes, plus room for a long `id`.
const FRAME: usize = 512;

/// The bytes of a result around its two envelopes.
const RESULT: usize = concat!(
    r#"{"resultType":"complete","content":[{"type":"text","text":""}],"#,
    r#""structuredContent":,"isError":false}"#
)
.len();

/// How many bytes of a result that is too large are shown in its failure.
const EXCERPT: usize = 2048;

/// The default of [`KEY`].
const MAX_MESSAGE: usize = 4 << 20;

/// The limits of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The finished message, in bytes.
    pub message: usize,
    /// The memory that building and sending one may take, in bytes.
    pub memory: usize,
}

impl Limits {
    /// Returns the default limit of a message. `memory` is the largest amount that a call can hold.
    #[must_use]
    pub const fn with_memory(memory: usize) -> Self {
        Self { message: MAX_MESSAGE, memory }
    }

    /// Reads `OGE_MCP_MAX_RESULT_BYTES`. `memory` is the largest amount that a call can hold.
    ///
    /// # Errors
    /// Names the setting if its value is bad.
    pub fn read(get: impl Fn(&str) -> Option<String>, memory: usize) -> Result<Self, Fault> {
        let value = get(KEY).filter(|value| !value.trim().is_empty());
        let message = value.map_or(Some(MAX_MESSAGE), |value| value.trim().parse().ok());
        let message = message.filter(|bytes| (4096..=1 << 30).contains(bytes));
        let problem = "must be a whole number of bytes from 4096 to 1073741824";
        let message = message.ok_or_else(|| Fault::Setting(KEY, problem.to_owned()))?;
        Ok(Self { message, memory })
    }

    /// Returns the limits reduced by `bytes` that the message has besides the envelope.
    #[must_use]
    pub fn reserving(self, bytes: usize) -> Self {
        Self { message: self.message.saturating_sub(bytes), ..self }
    }
}

/// Builds the result of a call that failed.
#[must_use]
pub fn failure<T: Tool>(failure: &Failure) -> CallToolResult {
    let text = Failed::of::<T>(failure);
    let value = structured(&text, true);
    result(text, value, true)
}

/// Shortens a failure until its result fits the limits: removes first the platform's response, then the end
/// of the message.
#[must_use]
pub fn shortened<T: Tool>(whole: Failure, limits: Limits) -> Failure {
    let fits = |short: &Failure| message_bytes(&failure::<T>(short)) <= limits.message;
    if fits(&whole) {
        return whole;
    }
    let mut short = Failure { body: None, ..whole };
    let message = short.message.clone();
    let mut kept = message.len();
    while !fits(&short) && kept > 0 {
        kept = message.floor_char_boundary(kept / 2);
        short.message = [message.get(..kept).unwrap_or_default(), "…"].concat();
    }
    short
}

/// A result of a call, not yet built.
#[derive(Debug)]
pub struct Measured<T: Tool> {
    envelope: Envelope<T::Output>,
    /// The field `error` of a result that keeps what was done before a failure.
    error: Option<String>,
    attempts: u8,
    size: Size,
    limits: Limits,
}

/// Measures the result of a call.
///
/// # Errors
/// Returns `reply-too-large` if the result would exceed the limits.
pub fn measure<T: Tool>(
    mut done: Completed<T::Output>,
    limits: Limits,
) -> Result<Measured<T>, Failure> {
    let error = T::failure(&mut done.output).map(|failure| Error::of(failure).to_json());
    let limits = limits.reserving(error.as_deref().map_or(0, |error| field::bytes(ERROR, error)));
    let attempts = done.attempts;
    let envelope = Envelope::of::<T>(Ok(done));
    let mut size = Size::default();
    write(&mut size, &envelope);
    let measured = Measured { envelope, error, attempts, size, limits };
    let message = measured.size.message();
    if message > limits.message || measured.memory() > limits.memory {
        let start = String::from_utf8_lossy(&measured.size.start).into_owned();
        return Err(measured.too_large(message, &start));
    }
    Ok(measured)
}

impl<T: Tool> Measured<T> {
    /// Returns the memory that the result takes until it is written: the response, its two forms, and the
    /// message in a buffer whose capacity doubles.
    #[must_use]
    pub fn memory(&self) -> usize {
        let Size { raw, compact, .. } = self.size;
        let value = self.size.value().min(self.max_value());
        raw + compact + value + self.size.message().saturating_mul(3)
    }

    /// Builds the result.
    ///
    /// # Errors
    /// Returns `reply-too-large` if the result is larger than measured and exceeds the limit: structured content
    /// writes numbers in its own form.
    pub fn build(self) -> Result<CallToolResult, Failure> {
        let Self { envelope, error, attempts, size, limits } = self;
        let mut text = Vec::new();
        if text.try_reserve_exact(size.compact).is_err() {
            let measured = Self { envelope, error, attempts, size, limits };
            return Err(measured.too_large(measured.size.message(), ""));
        }
        let mut compact = Compact { spaces: Spaces::default(), to: text };
        write(&mut compact, &envelope);
        let text = String::from_utf8(compact.to).unwrap_or_default();
        drop(envelope);
        let value = structured(&text, size.value() <= limits.memory / 2);
        let mut built = result(text, value, error.is_some());
        let length = message_bytes(&built);
        if length <= limits.message {
            if let Some(error) = error {
                field::append(&mut built, ERROR, &error);
            }
            return Ok(built);
        }
        let start = built.content.first().and_then(|content| content.as_text());
        let start = start.map_or("", |start| &start.text);
        Err(too_large::<T>(length, limits.message, attempts, start))
    }

    fn max_value(&self) -> usize {
        self.limits.memory / 2
    }

    fn too_large(&self, size: usize, envelope: &str) -> Failure {
        too_large::<T>(size, self.limits.message, self.attempts, envelope)
    }
}

fn too_large<T: Tool>(size: usize, limit: usize, attempts: u8, envelope: &str) -> Failure {
    let setting = if size > limit {
        format!("than {KEY} allows ({limit})")
    } else {
        "than the memory that OGE_MAX_REPLY_BYTES allows".to_owned()
    };
    let remedy = if size > limit { KEY } else { "OGE_MAX_REPLY_BYTES" };
    let why = format!(
        "the result would be a message of {size} bytes, more {setting}; ask for less (a narrower query, \
         a smaller area), or raise {remedy}"
    );
    // Finds the key only: inside a string its quotes would be escaped.
    let start = envelope.split_once(",\"data\":").map(|(_, data)| {
        data.get(..data.floor_char_boundary(EXCERPT.min(limit / 16))).unwrap_or_default().to_owned()
    });
    Failure {
        attempts,
        http_status: Some(200),
        body: start,
        ..Failure::new(FailureKind::ReplyTooLarge, T::OPERATION, why)
    }
}

fn result(text: String, structured: Value, is_error: bool) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.is_error = Some(is_error);
    result.structured_content = Some(structured);
    result
}

/// Returns the size of the message with this result.
fn message_bytes(result: &CallToolResult) -> usize {
    let mut length = Length(FRAME);
    write(&mut length, result);
    length.0
}

/// Writes JSON. Cannot fail: all these values can be serialized, and these writers never fail.
fn write(to: impl io::Write, what: &impl Serialize) {
    let _ = serde_json::to_writer(to, what);
}

/// The state of a scan that removes white space outside strings.
#[derive(Clone, Copy, Debug, Default)]
struct Spaces {
    in_string: bool,
    is_escaped: bool,
}

impl Spaces {
    /// Returns whether the next byte, `byte`, belongs to compact JSON.
    fn keeps(&mut self, byte: u8) -> bool {
        let keeps = self.in_string || !byte.is_ascii_whitespace();
        self.in_string ^= byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        keeps
    }
}

/// The size of an envelope, and what determines the size of its result.
#[derive(Debug, Default)]
struct Size {
    spaces: Spaces,
    /// The size as serialized.
    raw: usize,
    /// The size without white space.
    compact: usize,
    /// The number of quotes and backslashes, which the text content escapes again.
    escapes: usize,
    values: usize,
    objects: usize,
    /// The start of the compact text.
    start: Vec<u8>,
}

impl Size {
    /// Returns the size of the message: the envelope as escaped text and as structured content.
    fn message(&self) -> usize {
        self.compact * 2 + self.escapes + RESULT + FRAME
    }

    /// Returns an upper bound of the memory that the envelope takes as a value. An object is a tree whose first
    /// node has room for eleven fields.
    fn value(&self) -> usize {
        self.compact * 2 + self.values * 48 + self.objects * 400
    }
}

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.raw += bytes.len();
        for byte in bytes {
            if !self.spaces.keeps(*byte) {
                continue;
            }
            self.compact += 1;
            if self.start.len() < 2 * EXCERPT {
                self.start.push(*byte);
            }
            match byte {
                b'"' | b'\\' => self.escapes += 1,
                b',' | b'[' => self.values += 1,
                b'{' => self.objects += 1,
                _ => {}
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes compact JSON.
struct Compact {
    spaces: Spaces,
    to: Vec<u8>,
}

impl io::Write for Compact {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { spaces, to } = self;
        to.extend(bytes.iter().filter(|byte| spaces.keeps(**byte)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts bytes.
struct Length(usize);

impl io::Write for &mut Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
        let error = Error::of(failure);
        let envelope = Envelope::of::<T>(Err(failure));
        // Texts and numbers can always be serialized.
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

impl<'a> Error<'a> {
    fn of(failure: &'a Failure) -> Self {
        Self {
            kind: failure.kind.as_str(),
            message: &failure.message,
            attempts: failure.attempts,
            http_status: failure.http_status,
            api_code: failure.api_code,
            body: failure.body.as_deref(),
        }
    }

    fn to_json(&self) -> String {
        // Texts and numbers can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Converts the envelope to a value. A field that a value cannot hold, such as deeply nested JSON, becomes
/// text, and so does `data` if there is no memory for it as a value. The text content keeps it unchanged.
fn structured(envelope: &str, has_memory: bool) -> Value {
    if has_memory && let Ok(value) = serde_json::from_str(envelope) {
        return value;
    }
    let mut values = Map::new();
    // Cannot fail, because an envelope is an object.
    let _ = json::fields(envelope, &mut |name, raw| {
        let read =
            if name == "data" && !has_memory { None } else { serde_json::from_str(raw.get()).ok() };
        let value = read.unwrap_or_else(|| Value::String(raw.get().to_owned()));
        values.insert(name.to_owned(), value);
    });
    Value::Object(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use oge_tools::error::FailureKind;
    use oge_tools::tools::execute_dag_workflow::FinalStatus;
    use oge_tools::tools::{
        Computation, ExecuteDagWorkflow, RunBigQuery, execute_code_to_dag, execute_dag_workflow,
    };
    use serde_json::json;
    use serde_json::value::RawValue;

    const LIMITS: Limits = Limits { message: 4 << 20, memory: 128 << 20 };

    fn try_done(data: &str, limits: Limits) -> Result<CallToolResult, Failure> {
        let output = Computation { data: data.to_owned() };
        let done = Completed { output, attempts: 2, elapsed: Duration::from_secs(2) };
        measure::<RunBigQuery>(done, limits)?.build()
    }

    fn done(data: &str) -> CallToolResult {
        try_done(data, LIMITS).unwrap()
    }

    fn text(result: &CallToolResult) -> &str {
        &result.content[0].as_text().unwrap().text
    }

    #[test]
    fn success_has_the_envelope_in_both_forms() {
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
    fn failure_has_the_envelope_and_the_kind() {
        let failure = Failure {
            attempts: 2,
            http_status: Some(200),
            api_code: Some(40003),
            ..Failure::new(FailureKind::Unauthorized, "大数据查询", "why")
        };
        let result = super::failure::<RunBigQuery>(&failure);
        assert_eq!(result.is_error, Some(true));
        assert_eq!(
            text(&result),
            r#"{"success":false,"code":1,"msg":"大数据查询失败: why (状态码: 未知状态码)","data":null,"operation":"大数据查询","execution_time":null,"api_endpoint":"oge","error":{"kind":"unauthorized","message":"why","attempts":2,"http_status":200,"api_code":40003}}"#
        );
        let structured = result.structured_content.as_ref().unwrap();
        assert_eq!(*structured, serde_json::from_str::<Value>(text(&result)).unwrap());
    }

    /// Returns a workflow whose submission failed.
    fn workflow() -> Completed<execute_dag_workflow::Output> {
        let dags = execute_code_to_dag::Output {
            dags: RawValue::from_string(r#"{"d1":{}}"#.to_owned()).unwrap(),
            dag_ids: vec!["d1".to_owned()],
            space_params: None,
            log: None,
            user_id: "u".to_owned(),
            sample_name: String::new(),
        };
        let elapsed = Duration::from_secs(1);
        let failure = Failure::new(FailureKind::Api, "DAG批处理工作流", "the \"queue\" is full");
        let output = execute_dag_workflow::Output {
            final_status: FinalStatus::FailedAtTaskSubmission,
            dag_tasks: Some(Completed { output: dags, attempts: 1, elapsed }),
            task: None,
            status: None,
            failure: Some(failure),
            elapsed,
        };
        Completed { output, attempts: 1, elapsed }
    }

    #[test]
    fn a_failure_that_keeps_data_has_both() {
        let built = measure::<ExecuteDagWorkflow>(workflow(), LIMITS).unwrap().build().unwrap();
        assert_eq!(built.is_error, Some(true));
        let structured = built.structured_content.clone().unwrap();
        assert_eq!((&structured["success"], &structured["code"]), (&json!(false), &json!(1)));
        assert_eq!(structured["data"]["dag_ids"], json!(["d1"]));
        assert_eq!(structured["error"]["kind"], "api");
        assert_eq!(structured, serde_json::from_str::<Value>(text(&built)).unwrap());
        let whole = length(&built);
        let limits = |message| Limits { message, ..LIMITS };
        let measured = |limit| measure::<ExecuteDagWorkflow>(workflow(), limits(limit));
        // `true` is one byte shorter than what is measured.
        assert_eq!(length(&measured(whole + 1).unwrap().build().unwrap()), whole);
        // Even if the result is too large, its start has the ids.
        let failure = measured(whole - 1).unwrap_err();
        assert!(failure.body.unwrap().contains(r#""dag_ids":["d1"]"#));
    }

    #[test]
    fn data_that_a_value_cannot_hold_becomes_text() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let result = done(&deep);
        assert!(text(&result).contains(&deep));
        let structured = result.structured_content.unwrap();
        assert_eq!((&structured["data"], &structured["code"]), (&json!(deep), &json!(0)));
    }

    fn length(result: &CallToolResult) -> usize {
        serde_json::to_string(result).unwrap().len() + FRAME
    }

    #[test]
    fn the_limit_applies_to_the_finished_message() {
        let datas = [
            format!("{:?}", "x".repeat(5000)),
            format!("{:?}", "\\\"".repeat(5000)),
            format!("[{}0]", "[ ], {\"a\": \"\\u0001\"}, ".repeat(500)),
            format!("[{}0]", "1e9,".repeat(2000)),
            format!("{}{}", "[".repeat(3000), "]".repeat(3000)),
        ];
        for data in datas {
            let whole = length(&done(&data));
            let limits = |message| Limits { message, ..LIMITS };
            assert_eq!(length(&try_done(&data, limits(whole)).unwrap()), whole);
            let failure = try_done(&data, limits(whole - 1)).unwrap_err();
            assert_eq!(failure.kind, FailureKind::ReplyTooLarge);
            assert_eq!((failure.attempts, failure.http_status), (2, Some(200)));
            assert!(failure.message.contains("OGE_MCP_MAX_RESULT_BYTES"), "{}", failure.message);
            let start = failure.body.clone().unwrap();
            let compact = json::compact(&data);
            assert!(start.len() > 300 && compact.starts_with(&start), "{start}");
            let short = shortened::<RunBigQuery>(failure, limits(4096));
            let short = super::failure::<RunBigQuery>(&short);
            assert!(length(&short) <= 4096, "{}", length(&short));
        }
    }

    #[test]
    fn the_measured_size_is_that_of_the_message() {
        for data in ["null", r#"{"a":"\\\"坡\u0001"}"#] {
            let output = Computation { data: data.to_owned() };
            let done = Completed { output, attempts: 1, elapsed: Duration::from_millis(12_345) };
            let measured = measure::<RunBigQuery>(done, LIMITS).unwrap();
            let size = measured.size.message();
            assert_eq!(length(&measured.build().unwrap()), size, "{data}");
        }
    }

    #[test]
    fn a_large_failure_loses_its_response_then_its_messages_end() {
        let failure = |message: &str, body: &str| Failure {
            body: Some(body.to_owned()),
            ..Failure::new(FailureKind::Api, "大数据查询", message)
        };
        // The most that 512 bytes of ignored arguments take.
        let limits = Limits { message: 4096, ..LIMITS }.reserving(1600);
        let shorten = |failure: Failure| {
            let short = shortened::<RunBigQuery>(failure, limits);
            let size = length(&super::failure::<RunBigQuery>(&short));
            assert!(size <= limits.message, "{size}");
            short
        };
        let large = "\u{1}".repeat(4096);
        let whole = failure("why", "because");
        assert_eq!(shorten(whole.clone()), whole);
        assert_eq!(shorten(failure("why", &large)), Failure { body: None, ..whole });
        for long in [&large, &"坡".repeat(4096), &"\"\\".repeat(4096)] {
            let short = shorten(failure(long, &large));
            let kept = short.message.strip_suffix('…').unwrap();
            assert!(short.body.is_none() && kept.len() > 10 && long.starts_with(kept), "{kept}");
        }
    }

    #[test]
    fn a_value_takes_no_more_memory_than_was_measured() {
        // The worst cases of memory for each byte of text.
        for (part, count) in [("0,", 600_000), ("[],", 400_000), ("{\"a\":0},", 80_000)] {
            let data = format!("[{}0]", part.repeat(count));
            let little = Limits { message: 64 << 20, memory: 48 << 20 };
            let result = try_done(&data, little).unwrap();
            let structured = result.structured_content.as_ref().unwrap();
            assert_eq!(structured["data"], Value::String(data.clone()), "{part}");
            let much = Limits { message: 64 << 20, memory: 256 << 20 };
            let result = try_done(&data, much).unwrap();
            assert!(result.structured_content.unwrap()["data"].is_array());
        }
    }

    #[test]
    fn a_result_beyond_the_memory_names_the_setting_to_raise() {
        let data = format!("{:?}", "x".repeat(1 << 20));
        let failure = try_done(&data, Limits { message: 8 << 20, memory: 1 << 20 }).unwrap_err();
        assert!(failure.message.ends_with("or raise OGE_MAX_REPLY_BYTES"), "{}", failure.message);
    }

    #[test]
    fn a_bad_limit_is_refused_by_name() {
        let read = |value: &str| Limits::read(|_| Some(value.to_owned()), 1);
        assert_eq!(read(" ").unwrap().message, 4 << 20);
        assert_eq!(read(" 4096 ").unwrap().message, 4096);
        for bad in ["4095", "0", "-1", "4MB", "1e6", "1073741825"] {
            let fault = read(bad).unwrap_err();
            assert!(matches!(fault, Fault::Setting("OGE_MCP_MAX_RESULT_BYTES", _)), "{bad}");
        }
    }
}
