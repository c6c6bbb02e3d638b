//! The result of a call that failed.

use oge_tools::envelope::Envelope;
use oge_tools::error::Failure;
use oge_tools::tools::Tool;
use rmcp::model::CallToolResult;
use serde::Serialize;

use super::size::message_bytes;
use super::{Limits, result, structured};

/// The field that a failure has besides the old ones.
pub(super) const ERROR: &str = "error";

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
pub(super) struct Error<'a> {
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
    pub(super) fn of(failure: &'a Failure) -> Self {
        Self {
            kind: failure.kind.as_str(),
            message: &failure.message,
            attempts: failure.attempts,
            http_status: failure.http_status,
            api_code: failure.api_code,
            body: failure.body.as_deref(),
        }
    }

    pub(super) fn to_json(&self) -> String {
        // Texts and numbers can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }
}
