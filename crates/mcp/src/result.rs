//! The result of a call: the envelope as text and as structured content, within the limit of a setting.
//!
//! A result has the platform's response twice, once escaped. So it is measured before anything is copied
//! ([`measure`]), waits for the memory that it needs, and is built in buffers of the right size
//! ([`Measured::build`]). A result that is too large for an assistant is kept in a file if there is a place for it,
//! and has a preview in place of the data ([`Measured::keep`]).

mod failed;
mod size;
#[cfg(test)]
mod tests;

use oge_tools::envelope::Envelope;
use oge_tools::error::{Failure, FailureKind, Fault};
use oge_tools::json;
use oge_tools::tools::{Completed, Tool};
use rmcp::model::{CallToolResult, ContentBlock, Resource};
use serde::Serialize;
use serde_json::{Map, Value};

use self::failed::{ERROR, Error};
pub use self::failed::{failure, shortened};
use self::size::{Compact, EXCERPT, Size, message_bytes, write};
use crate::field;
use crate::results::preview::Preview;
use crate::results::{ResultId, SCHEME, page_bytes};

const KEY: &str = "OGE_MCP_MAX_RESULT_BYTES";

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
    /// The size of a page of a kept result, in bytes.
    pub page: usize,
    /// The memory that building and sending one may take, in bytes.
    pub memory: usize,
}

impl Limits {
    /// Returns the default limit of a message. `memory` is the largest amount that a call can hold.
    #[must_use]
    pub const fn with_memory(memory: usize) -> Self {
        Self::new(MAX_MESSAGE, KEEP_ABOVE, memory)
    }

    const fn new(message: usize, keep_above: usize, memory: usize) -> Self {
        Self { message, keep_above, page: page_bytes(keep_above), memory }
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
        Ok(Self::new(message, message, memory))
    }

    /// Returns the limits reduced by `bytes` that the message has besides the envelope.
    #[must_use]
    pub fn reserving(self, bytes: usize) -> Self {
        Self {
            message: self.message.saturating_sub(bytes),
            keep_above: self.keep_above.saturating_sub(bytes),
            ..self
        }
    }
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
        let mut compact = Compact::new(data);
        write(&mut compact, &self.envelope.data());
        let data = compact.into_text();
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
        let mut compact = Compact::new(text);
        write(&mut compact, &envelope);
        let text = compact.into_text();
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
    let pages = id.pages(limits.page);
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
