//! JSON read no further than needed: the outermost fields of an object, values left as they are.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Hands each outermost field of a JSON object to `each`, in order, and makes sure that the whole
/// text is JSON. JSON that is not an object has no fields; whether it was one comes back.
///
/// # Errors
/// Where the text is not JSON.
pub fn fields<'a>(
    text: &'a str,
    each: &mut dyn FnMut(&str, &'a RawValue),
) -> serde_json::Result<bool> {
    let mut json = serde_json::Deserializer::from_str(text);
    let is_object = text.trim_ascii_start().starts_with('{');
    if is_object {
        json.deserialize_map(Fields { each })?;
    } else {
        json.deserialize_ignored_any(IgnoredAny)?;
    }
    json.end()?;
    Ok(is_object)
}

/// The string that a JSON value is; none where it is something else.
#[must_use]
pub fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// The whole number of at most `most` that a JSON number is, `2.0` too: in JavaScript they are one.
#[must_use]
pub fn whole(number: f64, most: u32) -> Option<u32> {
    let is_whole = number % 1.0 == 0.0 && (0.0..=f64::from(most)).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just checked")]
    is_whole.then_some(number as u32)
}

/// A JSON value of its own; none where it is `null`.
#[must_use]
pub fn present(value: &RawValue) -> Option<Box<RawValue>> {
    (value.get() != "null").then(|| value.to_owned())
}

/// JSON without the white space between its values; order and spelling stay.
#[must_use]
pub fn compact(json: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let keep = |character: &char| {
        let keeps = in_string || !matches!(character, ' ' | '\t' | '\n' | '\r');
        match character {
            '"' if !is_escaped => in_string = !in_string,
            _ => {}
        }
        is_escaped = *character == '\\' && !is_escaped;
        keeps
    };
    json.chars().filter(keep).collect()
}

struct Fields<'f, 'a> {
    each: &'f mut dyn FnMut(&str, &'a RawValue),
}

impl<'a> Visitor<'a> for Fields<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut name = String::new();
        while map.next_key_seed(Name(&mut name))?.is_some() {
            (self.each)(&name, map.next_value()?);
        }
        Ok(())
    }
}

/// Reads a field's name into the string that the one before it was in.
struct Name<'n>(&'n mut String);

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        self.0.clear();
        self.0.push_str(name);
        Ok(())
    }
}
