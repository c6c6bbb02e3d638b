//! Converts the arguments of a client to those of a tool.
//!
//! A tool's schema in `tools/*.json` is the only list of its arguments and their types.

mod names;
mod value;

use oge_tools::error::{Failure, FailureKind};
use oge_tools::tools::Tool;
use rmcp::model::JsonObject;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::tools;

/// How many ignored arguments are named, the longest name that is shown, and the size of all names as JSON:
/// small compared to the smallest result limit.
const MAX_NAMES: usize = 16;
const MAX_NAME_CHARS: usize = 64;
const MAX_NAMES_BYTES: usize = 512;

/// Reads the arguments of a tool.
///
/// # Errors
/// Returns `invalid-argument` with the argument's name.
pub fn read<T: Tool<Arguments: DeserializeOwned>>(
    given: JsonObject,
) -> Result<T::Arguments, Failure> {
    take::<T>(checked::<T>(given)?)
}

/// Converts arguments that [`checked`] returned.
///
/// # Errors
/// Returns `invalid-argument` if they do not fit the tool.
pub fn take<T: Tool<Arguments: DeserializeOwned>>(
    checked: JsonObject,
) -> Result<T::Arguments, Failure> {
    // Cannot fail, because tests compare the schema with the tool.
    let unfit = |_| invalid::<T>("the arguments do not fit the tool");
    T::Arguments::deserialize(Value::Object(checked)).map_err(unfit)
}

/// Converts each argument to the type in its schema. Omits those that are absent or unknown.
///
/// # Errors
/// Returns `invalid-argument` for an unknown name that is close to that of an absent argument, for all missing
/// required arguments, or for the first value that does not fit.
pub fn checked<T: Tool>(mut given: JsonObject) -> Result<JsonObject, Failure> {
    let schema = tools::schema(T::NAME);
    let is_absent = |known: &&str| given.get(*known).is_none_or(is_blank);
    let unknown = given.iter().filter(|(name, value)| !schema.knows(name) && !is_blank(value));
    for (name, _) in unknown {
        let mut absent = schema.names().filter(is_absent);
        if let Some(known) = absent.find(|known| names::is_close(name, known)) {
            let name = shown(name, &given);
            return Err(invalid::<T>(format!("`{name}` is unknown; did you mean `{known}`?")));
        }
    }
    let secret = secret(&given).map(str::to_owned);
    let mut checked = JsonObject::new();
    let mut missing = Vec::new();
    for (name, property) in schema.properties() {
        let given = given.remove(name).filter(|given| !is_blank(given));
        let Some(given) = given else {
            if schema.requires(name) {
                missing.push(format!("`{name}` is required: {}", value::expected(name, property)));
            }
            continue;
        };
        let value = value::read(name, property, given, secret.as_deref());
        checked.insert(name.clone(), value.map_err(invalid::<T>)?);
    }
    if missing.is_empty() { Ok(checked) } else { Err(invalid::<T>(missing.join("; "))) }
}

/// Returns the names of the arguments that the tool does not know, to show them.
#[must_use]
pub fn ignored<T: Tool>(given: &JsonObject) -> Vec<String> {
    let schema = tools::schema(T::NAME);
    let unknown = || given.keys().filter(|name| !schema.knows(name));
    let mut bytes = 0;
    let fits = |name: &String| {
        bytes += Value::from(&**name).to_string().len();
        bytes <= MAX_NAMES_BYTES
    };
    let shown = unknown().take(MAX_NAMES).map(|name| shown(name, given));
    let mut names: Vec<_> = shown.take_while(fits).collect();
    let more = unknown().count().saturating_sub(names.len());
    if more > 0 {
        names.push(format!("… ({more} more)"));
    }
    names
}

/// Returns a name as it may be shown. A long name is not shown, because it may be a token.
fn shown(name: &str, given: &JsonObject) -> String {
    let is_secret = secret(given).is_some_and(|secret| name.contains(secret));
    let count = name.chars().count();
    if is_secret || count > MAX_NAME_CHARS {
        return format!("… (a name of {count} characters)");
    }
    name.to_owned()
}

/// Returns the caller's own token.
pub(crate) fn secret(given: &JsonObject) -> Option<&str> {
    let token = given.get("auth_token")?.as_str()?.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    (!token.is_empty()).then_some(token)
}

/// Returns whether an argument is blank, which is how a form sends an absent one.
fn is_blank(value: &Value) -> bool {
    let blank = |character: char| character.is_whitespace() || character == '\u{feff}';
    value.is_null() || value.as_str().is_some_and(|text| text.chars().all(blank))
}

fn invalid<T: Tool>(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidArgument, T::OPERATION, message)
}

#[cfg(test)]
mod tests;
