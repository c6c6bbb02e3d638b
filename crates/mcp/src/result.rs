//! The result of a call: the envelope as text and as structured content, within the limit of a setting.
//!
//! A result has the platform's response twice, once escaped. So it is measured before anything is copied
//! ([`measure`]), waits for the memory that it needs, and is built in buffers of the right size
//! ([`Measured::build`]). A result that is too large for an assistant is kept in a file if there is a place for it,
//! and has a preview in place of the data ([`Measured::keep`]).

use std::io;

use oge_tools::envelope::Envelope;
use oge_tools::error::{Failure, FailureKind, Fault};
use oge_tools::json;
use oge_tools::tools::{Completed, Tool};
use rmcp::model::{CallToolResult, ContentBlock, Resource};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::field;
use crate::results::preview::Preview;
use crate::results::{ResultId, SCHEME, page_bytes};

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

/// The default of [`KEY`] where a result cannot be kept.
const MAX_MESSAGE: usize = 4 << 20;

/// The default of [`KEY`] where a result can be kept. The response is in it twice, so it has at most 64 KiB: about
/// 20 000 tokens, which is less than what common assistants accept.
const KEEP_ABOVE: usize = 128 << 10;

/// The limits of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The finished message, in bytes.
    pub message: usize,
    /// A result whose message would be larger is kept, if there is a place for it.
    pub keep_above: usize,
    /// The memory that building and sending one may take, in bytes.
    pub memory: usize,
}

impl Limits {
    /// Returns the default limit of a message. `memory` is the largest amount that a call can hold.
    #[must_use]
    pub const fn with_memory(memory: usize) -> Self {
        Self { message: MAX_MESSAGE, keep_above: KEEP_ABOVE, memory }
    }

    /// Reads `OGE_MCP_MAX_RESULT_BYTES`. `memory` is the largest amount that a call can hold.
    ///
    /// # Errors
    /// Names the setting if its value is bad.
    pub fn read(get: impl Fn(&str) -> Option<String>, memory: usize) -> Result<Self, Fault> {
        let value = get(KEY).filter(|value| !value.trim().is_empty());
        let Some(value) = value else { return Ok(Self::with_memory(memory)) };
        let message = value.trim().parse().ok().filter(|bytes| (4096..=1 << 30).contains(bytes));
        let problem = "must be a whole number of bytes from 4096 to 1073741824";
        let message = message.ok_or_else(|| Fault::Setting(KEY, problem.to_owned()))?;
        Ok(Self { message, keep_above: message, memory })
    }

    /// Returns the limits reduced by `bytes` that the message has besides the envelope.
    #[must_use]
    pub fn reserving(self, bytes: usize) -> Self {
        let Self { message, keep_above, memory } = self;
        Self {
            message: message.saturating_sub(bytes),
            keep_above: keep_above.saturating_sub(bytes),
            memory,
        }
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
    /// Why the result could not be kept.
    unkept: Option<String>,
}

/// Measures the result of a call.
pub fn measure<T: Tool>(mut done: Completed<T::Output>, limits: Limits) -> Measured<T> {
    let error = T::failure(&mut done.output).map(|failure| Error::of(failure).to_json());
    let limits = limits.reserving(error.as_deref().map_or(0, |error| field::bytes(ERROR, error)));
    let attempts = done.attempts;
    let envelope = Envelope::of::<T>(Ok(done));
    let mut size = Size::default();
    write(&mut size, &envelope);
    Measured { envelope, error, attempts, size, limits, unkept: None }
}

impl<T: Tool> Measured<T> {
    /// Returns whether the result is to be kept if there is a place for it. One that keeps what was done before a
    /// failure is not, because it is short and its reader needs all of it.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.error.is_none() && self.size.message() > self.limits.keep_above
    }

    /// Returns the memory that keeping the result takes: the response, and what is written.
    #[must_use]
    pub const fn memory_to_keep(&self) -> usize {
        self.size.raw + self.size.compact
    }

    /// Keeps the data with `keep`, and returns a result with a preview of it. `None` if it cannot be kept.
    pub fn keep(
        &mut self,
        keep: impl FnOnce(&[u8]) -> Result<ResultId, String>,
    ) -> Option<CallToolResult> {
        let mut data = Vec::new();
        if self.memory_to_keep() > self.limits.memory
            || data.try_reserve_exact(self.size.compact).is_err()
        {
            self.unkept = Some("there is no memory for it".to_owned());
            return None;
        }
        let mut compact = Compact { spaces: Spaces::default(), to: data };
        write(&mut compact, &self.envelope.data());
        let data = String::from_utf8(compact.to).unwrap_or_default();
        let id = keep(data.as_bytes()).map_err(|why| self.unkept = Some(why)).ok()?;
        let limits = self.limits;
        let envelope = self.envelope.without_data();
        let result = preview(&envelope, &id, Preview::of(&data, limits.message), limits);
        if message_bytes(&result) <= limits.message {
            return Some(result);
        }
        Some(preview(&envelope, &id, Preview::of(&data, 0), limits))
    }

    /// Checks that the result fits the limits.
    ///
    /// # Errors
    /// Returns `reply-too-large` if it does not.
    pub fn checked(self) -> Result<Self, Failure> {
        let message = self.size.message();
        if message > self.limits.message || self.memory() > self.limits.memory {
            let start = String::from_utf8_lossy(&self.size.start).into_owned();
            return Err(self.too_large(message, &start));
        }
        Ok(self)
    }

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
        let mut text = Vec::new();
        if text.try_reserve_exact(self.size.compact).is_err() {
            return Err(self.too_large(self.size.message(), ""));
        }
        let Self { envelope, error, attempts, size, limits, unkept } = self;
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
        Err(too_large::<T>(length, limits.message, attempts, start, unkept.as_deref()))
    }

    fn max_value(&self) -> usize {
        self.limits.memory / 2
    }

    fn too_large(&self, size: usize, envelope: &str) -> Failure {
        let unkept = self.unkept.as_deref();
        too_large::<T>(size, self.limits.message, self.attempts, envelope, unkept)
    }
}

fn too_large<T: Tool>(
    size: usize,
    limit: usize,
    attempts: u8,
    envelope: &str,
    unkept: Option<&str>,
) -> Failure {
    let setting = if size > limit {
        format!("than {KEY} allows ({limit})")
    } else {
        "than the memory that OGE_MAX_REPLY_BYTES allows".to_owned()
    };
    let remedy = if size > limit { KEY } else { "OGE_MAX_REPLY_BYTES" };
    let unkept = unkept.map(|why| format!(", and it cannot be kept beside OGE_TOKEN_FILE: {why}"));
    let unkept = unkept.unwrap_or_default();
    let why = format!(
        "the result would be a message of {size} bytes, more {setting}{unkept}; ask for less (a narrower \
         query, a smaller area), or raise {remedy}"
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

/// Returns the result of a call whose data is kept as `id`.
fn preview<T: Serialize>(
    envelope: &Envelope<T>,
    id: &ResultId,
    preview: Preview<'_>,
    limits: Limits,
) -> CallToolResult {
    #[derive(Serialize)]
    struct Previewed<'a, T> {
        #[serde(flatten)]
        envelope: &'a Envelope<T>,
        preview: Kept<'a>,
    }

    #[derive(Serialize)]
    struct Kept<'a> {
        uri: &'a str,
        pages: u64,
        bytes: u64,
        how: String,
        #[serde(flatten)]
        preview: Preview<'a>,
    }

    let uri = [SCHEME, &id.to_string()].concat();
    let pages = id.pages(page_bytes(limits.keep_above));
    let how = format!(
        "结果太大，已保存：依次读资源 uri?page=1 到 uri?page={pages}，连接起来就是完整的 data (too large, so it was \
         kept: read the resources uri?page=1 to uri?page={pages}; joined they are the whole data)"
    );
    let kept = Kept { uri: &uri, pages, bytes: id.bytes, how, preview };
    // Cannot fail: all of it was read from JSON, or is made of texts and numbers.
    let text = serde_json::to_string(&Previewed { envelope, preview: kept }).unwrap_or_default();
    let value = structured(&text, true);
    let mut result = result(text, value, false);
    let link = Resource::new(uri, "result").with_mime_type("application/json").with_size(id.bytes);
    result.content.push(ContentBlock::resource_link(link));
    result
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

    const LIMITS: Limits = Limits { message: 4 << 20, keep_above: 128 << 10, memory: 128 << 20 };

    fn try_done(data: &str, limits: Limits) -> Result<CallToolResult, Failure> {
        let output = Computation { data: data.to_owned() };
        let done = Completed { output, attempts: 2, elapsed: Duration::from_secs(2) };
        measure::<RunBigQuery>(done, limits).checked()?.build()
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
        let built = measure::<ExecuteDagWorkflow>(workflow(), LIMITS).build().unwrap();
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
        assert_eq!(length(&measured(whole + 1).checked().unwrap().build().unwrap()), whole);
        // Even if the result is too large, its start has the ids.
        let failure = measured(whole - 1).checked().unwrap_err();
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
            let measured = measure::<RunBigQuery>(done, LIMITS);
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
            let little = Limits { message: 64 << 20, memory: 48 << 20, ..LIMITS };
            let result = try_done(&data, little).unwrap();
            let structured = result.structured_content.as_ref().unwrap();
            assert_eq!(structured["data"], Value::String(data.clone()), "{part}");
            let much = Limits { message: 64 << 20, memory: 256 << 20, ..LIMITS };
            let result = try_done(&data, much).unwrap();
            assert!(result.structured_content.unwrap()["data"].is_array());
        }
    }

    #[test]
    fn a_result_beyond_the_memory_names_the_setting_to_raise() {
        let data = format!("{:?}", "x".repeat(1 << 20));
        let failure =
            try_done(&data, Limits { message: 8 << 20, memory: 1 << 20, ..LIMITS }).unwrap_err();
        assert!(failure.message.ends_with("or raise OGE_MAX_REPLY_BYTES"), "{}", failure.message);
    }

    const ID: &str = "1767323045000-5-0123456789abcdef0123456789abcdef";

    fn measured(data: &str, limits: Limits) -> Measured<RunBigQuery> {
        let output = Computation { data: data.to_owned() };
        measure(Completed { output, attempts: 2, elapsed: Duration::from_secs(2) }, limits)
    }

    #[test]
    fn a_kept_result_has_a_preview_and_a_link() {
        let rows = format!("[{}0]", "[1, 2], ".repeat(12_000));
        let mut measured = measured(&rows, LIMITS);
        assert!(measured.is_large());
        let mut kept = String::new();
        let result = measured.keep(|data| {
            kept = String::from_utf8(data.to_vec()).unwrap();
            Ok(ID.parse().unwrap())
        });
        assert_eq!(kept, json::compact(&rows));
        let result = result.unwrap();
        let structured = result.structured_content.as_ref().unwrap();
        assert_eq!(*structured, serde_json::from_str::<Value>(text(&result)).unwrap());
        assert_eq!((&structured["success"], &structured["data"]), (&json!(true), &json!(null)));
        let preview = &structured["preview"];
        assert_eq!((&preview["kind"], &preview["count"]), (&json!("list"), &json!(12_001)));
        assert_eq!((&preview["pages"], &preview["bytes"]), (&json!(1), &json!(5)));
        assert_eq!(preview["first"], json!(vec![[1, 2]; 20]));
        let uri = format!("oge://results/{ID}");
        assert_eq!(preview["uri"], json!(uri));
        let link = result.content[1].as_resource_link().unwrap();
        assert_eq!((&link.uri, link.size), (&uri, Some(5)));
    }

    #[test]
    fn a_preview_fits_the_smallest_limit() {
        for data in
            [format!("{:?}", "\\\"".repeat(5000)), format!("[{}0]", "\"坡\\n\",".repeat(5000))]
        {
            let limits = Limits { message: 4096, keep_above: 4096, ..LIMITS };
            let result = measured(&data, limits).keep(|_| Ok(ID.parse().unwrap())).unwrap();
            assert!(length(&result) <= 4096, "{}", length(&result));
        }
    }

    #[test]
    fn a_result_that_cannot_be_kept_is_whole_or_says_why() {
        let rows = format!("[{}0]", "[1,2],".repeat(9000));
        let unkept = |limits| {
            let mut measured = measured(&rows, limits);
            assert_eq!(measured.keep(|_| Err("disk full".to_owned())), None);
            measured.checked()
        };
        assert_eq!(text(&unkept(LIMITS).unwrap().build().unwrap()), text(&done(&rows)));
        let failure = unkept(Limits { message: 8192, ..LIMITS }).unwrap_err();
        assert_eq!(failure.kind, FailureKind::ReplyTooLarge);
        assert!(failure.message.contains("OGE_TOKEN_FILE: disk full;"), "{}", failure.message);
    }

    #[test]
    fn a_limit_that_is_set_applies_with_and_without_a_place() {
        let read = |value: Option<&str>| {
            let limits = Limits::read(|_| value.map(str::to_owned), 1).unwrap();
            (limits.message, limits.keep_above)
        };
        assert_eq!(read(None), (4 << 20, 128 << 10));
        assert_eq!(read(Some("50000")), (50_000, 50_000));
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
