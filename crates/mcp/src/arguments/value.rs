//! Converts one argument to the type in its schema. A number, a boolean or a list may be given as text, because
//! assistants send them so.

use std::ops::RangeInclusive;

use oge_tools::json;
use serde_json::{Number, Value};

/// The longest text that an error quotes.
const MAX_QUOTED_CHARS: usize = 40;

/// Converts a value. No error shows `secret`.
///
/// # Errors
/// Names the argument, the expected type and the given value.
pub(super) fn read(
    name: &str,
    property: &Value,
    given: Value,
    secret: Option<&str>,
) -> Result<Value, String> {
    let value = match type_of(property) {
        "integer" => integer(property, &given).map(Value::from),
        "boolean" => boolean(&given).map(Value::from),
        "array" => numbers(&given),
        _ => return text(name, property, given, secret),
    };
    value.ok_or_else(|| refused(name, property, &given, secret))
}

/// Describes the type of an argument.
pub(super) fn expected(name: &str, property: &Value) -> String {
    match type_of(property) {
        "integer" => {
            let bounds = bounds(property);
            format!("a whole number from {} to {}", bounds.start(), bounds.end())
        }
        "boolean" => "true or false".to_owned(),
        "array" => {
            let count = property.get("minItems").and_then(Value::as_u64);
            format!("{} numbers", count.unwrap_or_default())
        }
        _ if may_be_number(name) => "a number or a text".to_owned(),
        _ => "a text".to_owned(),
    }
}

fn type_of(property: &Value) -> &str {
    property.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Returns whether an argument of type text may be a number: the platform expects a scale as text.
fn may_be_number(name: &str) -> bool {
    name == "scale"
}

fn refused(name: &str, property: &Value, given: &Value, secret: Option<&str>) -> String {
    let was = if name == "auth_token" { kind(given) } else { shown(given, secret) };
    format!("{name} must be {}; it was {was}", expected(name, property))
}

fn text(name: &str, property: &Value, given: Value, secret: Option<&str>) -> Result<Value, String> {
    match given {
        Value::String(_) => Ok(given),
        Value::Number(number) if may_be_number(name) => {
            // 1000.0 becomes 1000.
            let whole = number.as_f64().filter(|value| value % 1.0 == 0.0);
            Ok(Value::String(whole.map_or_else(|| number.to_string(), |value| value.to_string())))
        }
        other => Err(refused(name, property, &other, secret)),
    }
}

fn integer(property: &Value, given: &Value) -> Option<u32> {
    let whole = json::whole(number(given)?, u32::MAX)?;
    bounds(property).contains(&whole).then_some(whole)
}

/// Returns the range of a whole number.
fn bounds(property: &Value) -> RangeInclusive<u32> {
    let bound = |name: &str| u32::try_from(property.get(name)?.as_u64()?).ok();
    bound("minimum").unwrap_or(0)..=bound("maximum").unwrap_or(u32::MAX)
}

/// Reads a number, or the text of one.
fn number(given: &Value) -> Option<f64> {
    match given {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<Number>().ok()?.as_f64(),
        _ => None,
    }
}

fn boolean(given: &Value) -> Option<bool> {
    let text = match given {
        Value::Bool(value) => return Some(*value),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// Reads a list of numbers: a list, its JSON text, or numbers separated by commas, including Chinese ones. The
/// tool checks their count.
fn numbers(given: &Value) -> Option<Value> {
    let items = match given {
        Value::Array(items) => items.clone(),
        Value::String(text) => {
            let text = text.trim().replace('，', ",");
            let list = |part: &str| Value::String(part.to_owned());
            match serde_json::from_str(&text) {
                Ok(Value::Array(items)) => items,
                _ => text.split(',').map(list).collect(),
            }
        }
        _ => return None,
    };
    let numbers = items.iter().map(|item| Some(Value::from(number(item)?)));
    numbers.collect::<Option<_>>().map(Value::Array)
}

/// Returns the value if it is short and has no secret, else its type, for an error.
fn shown(value: &Value, secret: Option<&str>) -> String {
    let text = value.to_string();
    let is_secret = secret.is_some_and(|secret| text.contains(secret));
    if is_secret || text.chars().count() > MAX_QUOTED_CHARS {
        return kind(value);
    }
    text
}

/// Describes the type of a value without its content.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => format!("a text of {} characters", text.chars().count()),
        Value::Array(items) => format!("a list of {} items", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}
