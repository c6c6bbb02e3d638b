//! Checks that several tools share. Each error names the argument, its value and what it must be.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::error::Fault;

/// Checks that a required text is not blank.
pub(super) fn required(name: &'static str, value: String, hint: &str) -> Result<String, Fault> {
    if is_blank(&value) {
        return Err(Fault::Argument(name, format!("is blank; it must be {hint}")));
    }
    Ok(value)
}

/// Returns an optional text, or `default`. A text that is passed must not be blank.
pub(super) fn optional(
    name: &'static str,
    value: Option<String>,
    default: &str,
) -> Result<String, Fault> {
    given(name, value).map(|value| value.unwrap_or_else(|| default.to_owned()))
}

/// Like [`optional`], but computes the default only if it is needed.
pub(super) fn or_else(
    name: &'static str,
    value: Option<String>,
    default: impl FnOnce() -> Result<String, Fault>,
) -> Result<String, Fault> {
    given(name, value)?.map_or_else(default, Ok)
}

fn given(name: &'static str, value: Option<String>) -> Result<Option<String>, Fault> {
    match value {
        Some(value) if is_blank(&value) => {
            let problem = "is blank; leave it out to use the default, or pass a text";
            Err(Fault::Argument(name, problem.to_owned()))
        }
        value => Ok(value),
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(|character| character.is_whitespace() || character == '\u{feff}')
}
