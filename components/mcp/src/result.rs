//! What a client gets: the envelope, as text and as structured content, no larger than a setting allows.
//!
//! A result holds the platform's response twice, once of it escaped. So it is measured before anything is
//! copied ([`measure`]), waits for the memory that it takes, and is built in buffers of the right size
//! ([`Measured::build`]).

use std::io;

use oge_tools::envelope::Envelope;
use oge_tools::error::{Failure, FailureKind, Fault};
use oge_tools::json;
use oge_tools::tools::{Done, Tool};
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::{Map, Value};

const KEY: &str = "OGE_MCP_MAX_RESULT_BYTES";

/// What stands around a result in its message: JSON-RPC's frame with an `id`, and what the SDK adds to the
/// result in the newest protocol, who the server is for one. That is about 300 bytes, and an `id` may be
/// long.
const FRAME: usize = 512;

/// What stands around the two envelopes in a result.
const RESULT: usize = concat!(
    r#"{"resultType":"complete","content":[{"type":"text","text":""}],"#,
    r#""structuredContent":,"isError":false}"#
)
.len();

/// How much of a result that is too large its failure shows.
const EXCERPT: usize = 2048;

/// How large results may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The finished message, in bytes.
    pub message: usize,
    /// The memory that building and sending one may take, in bytes.
    pub memory: usize,
}

impl Limits {
    /// Reads `OGE_MCP_MAX_RESULT_BYTES`; `memory` is what a call can have.
    ///
    /// # Errors
    /// Names the setting if its value is bad.
    pub fn read(get: impl Fn(&str) -> Option<String>, memory: usize) -> Result<Self, Fault> {
        let value = get(KEY).filter(|value| !value.trim().is_empty());
        let message = value.map_or(Some(4 << 20), |value| value.trim().parse().ok());
        let message = message.filter(|bytes| (4096..=1 << 30).contains(bytes));
        let problem = "must be a whole number of bytes from 4096 to 1073741824";
        let message = message.ok_or_else(|| Fault::Setting(KEY, problem.to_owned()))?;
        Ok(Self { message, memory })
    }

    /// The same for a message that holds so many bytes besides.
    #[must_use]
    pub fn reserving(self, bytes: usize) -> Self {
        Self { message: self.message.saturating_sub(bytes), ..self }
    }
}

/// The result of a call that failed.
#[must_use]
pub fn failure<T: Tool>(failure: &Failure) -> CallToolResult {
    let text = Failed::of::<T>(failure);
    let value = structured(&text, true);
    result(text, value, true)
}

/// A failure whose result is no larger than the limits: one that is loses the platform's response, then the
/// end of its message.
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

/// A result of a call that succeeded, not yet built.
#[derive(Debug)]
pub struct Measured<T: Tool> {
    envelope: Envelope<T::Output>,
    attempts: u8,
    size: Size,
    limits: Limits,
}

/// Measures the result of a call that succeeded.
///
/// # Errors
/// `reply-too-large` if the result would be larger than the limits.
pub fn measure<T: Tool>(done: Done<T::Output>, limits: Limits) -> Result<Measured<T>, Failure> {
    let attempts = done.attempts;
    let envelope = Envelope::of::<T>(Ok(done));
    let mut size = Size::default();
    write(&mut size, &envelope);
    let measured = Measured { envelope, attempts, size, limits };
    let message = measured.size.message();
    if message > limits.message || measured.memory() > limits.memory {
        let start = String::from_utf8_lossy(&measured.size.start).into_owned();
        return Err(measured.too_large(message, &start));
    }
    Ok(measured)
}

impl<T: Tool> Measured<T> {
    /// How much memory the result takes until it is written: what it is made of, its two forms, and a
    /// message in a buffer that doubles.
    #[must_use]
    pub fn memory(&self) -> usize {
        let Size { raw, compact, .. } = self.size;
        let value = self.size.value().min(self.max_value());
        raw + compact + value + self.size.message().saturating_mul(3)
    }

    /// Builds the result.
    ///
    /// # Errors
    /// `reply-too-large` if it is larger than the limit after all: structured content spells numbers its
    /// own way.
    pub fn build(self) -> Result<CallToolResult, Failure> {
        let Self { envelope, attempts, size, limits } = self;
        let mut text = Vec::new();
        if text.try_reserve_exact(size.compact).is_err() {
            let measured = Self { envelope, attempts, size, limits };
            return Err(measured.too_large(measured.size.message(), ""));
        }
        let mut compact = Compact { spaces: Spaces::default(), to: text };
        write(&mut compact, &envelope);
        let text = String::from_utf8(compact.to).unwrap_or_default();
        drop(envelope);
        let value = structured(&text, size.value() <= limits.memory / 2);
        let built = result(text, value, false);
        let length = message_bytes(&built);
        if length <= limits.message {
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
        "than there is memory for, as OGE_MAX_REPLY_BYTES says".to_owned()
    };
    let remedy = if size > limit { KEY } else { "OGE_MAX_REPLY_BYTES" };
    let why = format!(
        "the result would be a message of {size} bytes, more {setting}; ask for less (a narrower query, \
         a smaller area), or raise {remedy}"
    );
    // A key: inside a string its quotes would be escaped.
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

/// How large the message with this result is.
fn message_bytes(result: &CallToolResult) -> usize {
    let mut length = Length(FRAME);
    write(&mut length, result);
    length.0
}

/// Writes JSON. What is written here has a JSON form, and these writers never fail.
fn write(to: impl io::Write, what: &impl Serialize) {
    let _ = serde_json::to_writer(to, what);
}

/// Where in JSON a reader is: white space counts in strings alone.
#[derive(Clone, Copy, Debug, Default)]
struct Spaces {
    in_string: bool,
    is_escaped: bool,
}

impl Spaces {
    /// Whether `byte`, the next one, is kept in compact JSON.
    fn keeps(&mut self, byte: u8) -> bool {
        let keeps = self.in_string || !byte.is_ascii_whitespace();
        self.in_string ^= byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        keeps
    }
}

/// How large an envelope is, and what a result makes of it.
#[derive(Debug, Default)]
struct Size {
    spaces: Spaces,
    /// As it came.
    raw: usize,
    /// Without white space.
    compact: usize,
    /// Quotes and backslashes: escaped once more in the text content.
    escapes: usize,
    values: usize,
    objects: usize,
    /// The start of the compact text.
    start: Vec<u8>,
}

impl Size {
    /// The message: the envelope as text, escaped, and as structured content.
    fn message(&self) -> usize {
        self.compact * 2 + self.escapes + RESULT + FRAME
    }

    /// At most this much memory is taken by the envelope as a value. An object is a tree whose first node
    /// has room for eleven fields.
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

/// Counts.
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
/// text there, and so is `data` where there is no memory for it as a value. The text content has it as it
/// is.
fn structured(envelope: &str, has_memory: bool) -> Value {
    if has_memory && let Ok(value) = serde_json::from_str(envelope) {
        return value;
    }
    let mut values = Map::new();
    // An envelope is an object.
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
    use oge_tools::tools::{Computation, RunBigQuery};
    use serde_json::json;

    const LIMITS: Limits = Limits { message: 4 << 20, memory: 128 << 20 };

    fn try_done(data: &str, limits: Limits) -> Result<CallToolResult, Failure> {
        let output = Computation { data: data.to_owned() };
        let done = Done { output, attempts: 2, elapsed: Duration::from_secs(2) };
        measure::<RunBigQuery>(done, limits)?.build()
    }

    fn done(data: &str) -> CallToolResult {
        try_done(data, LIMITS).unwrap()
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
        let result = super::failure::<RunBigQuery>(&failure);
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

    fn length(result: &CallToolResult) -> usize {
        serde_json::to_string(result).unwrap().len() + FRAME
    }

    #[test]
    fn the_limit_is_that_of_the_finished_message() {
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
            let told = shortened::<RunBigQuery>(failure, limits(4096));
            let told = super::failure::<RunBigQuery>(&told);
            assert!(length(&told) <= 4096, "{}", length(&told));
        }
    }

    #[test]
    fn the_measured_size_is_that_of_the_message() {
        for data in ["null", r#"{"a":"\\\"坡\u0001"}"#] {
            let output = Computation { data: data.to_owned() };
            let done = Done { output, attempts: 1, elapsed: Duration::from_millis(12_345) };
            let measured = measure::<RunBigQuery>(done, LIMITS).unwrap();
            let size = measured.size.message();
            assert_eq!(length(&measured.build().unwrap()), size, "{data}");
        }
    }

    #[test]
    fn a_failure_that_is_too_large_loses_its_response_then_the_end_of_its_message() {
        let failure = |message: &str, body: &str| Failure {
            body: Some(body.to_owned()),
            ..Failure::new(FailureKind::Api, "大数据查询", message)
        };
        // What 512 bytes of ignored arguments take at most.
        let limits = Limits { message: 4096, ..LIMITS }.reserving(1600);
        let told = |failure: Failure| {
            let short = shortened::<RunBigQuery>(failure, limits);
            let size = length(&super::failure::<RunBigQuery>(&short));
            assert!(size <= limits.message, "{size}");
            short
        };
        let large = "\u{1}".repeat(4096);
        let whole = failure("why", "because");
        assert_eq!(told(whole.clone()), whole);
        assert_eq!(told(failure("why", &large)), Failure { body: None, ..whole });
        for long in [&large, &"坡".repeat(4096), &"\"\\".repeat(4096)] {
            let told = told(failure(long, &large));
            let kept = told.message.strip_suffix('…').unwrap();
            assert!(told.body.is_none() && kept.len() > 10 && long.starts_with(kept), "{kept}");
        }
    }

    #[test]
    fn a_value_takes_no_more_memory_than_was_measured() {
        // What a value costs for each byte of text, at its worst.
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
    fn a_result_for_which_there_is_no_memory_says_so() {
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
