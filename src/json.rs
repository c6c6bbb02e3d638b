//! Reads JSON no further than needed: the outermost fields of an object, with their values unparsed.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Calls `each` with each outermost field of a JSON object, in order, and checks that the whole text is
/// JSON. Returns whether it is an object; other JSON has no fields.
///
/// # Errors
/// If the text is not JSON.
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

/// Returns the text of a JSON string. `None` for other values.
#[must_use]
pub fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Returns the whole number in a JSON number or string: `7`, `7.0`, `0.7e1`, `"7"`, `"\u0037"`. `None` for
/// other values and numbers that do not fit.
#[must_use]
pub fn integer(value: &str) -> Option<i64> {
    // A string may hold escapes.
    let string = value.contains('\\').then(|| serde_json::from_str::<String>(value).ok()).flatten();
    let text = string.as_deref().unwrap_or(value).trim_matches('"').trim();
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut digits = [whole, fraction].concat();
    let length = i64::try_from(whole.len()).ok()? + i64::from(exponent.parse::<i32>().ok()?);
    // An `i64` with its sign has at most 20 bytes. Without the check a large exponent would fill the memory.
    let length =
        usize::try_from(length).ok().filter(|length| digits.is_ascii() && *length <= 20)?;
    let dropped = digits.get(length..).unwrap_or_default();
    if !dropped.bytes().all(|digit| digit == b'0') {
        return None;
    }
    digits.truncate(length);
    digits.extend(core::iter::repeat_n('0', length - digits.len()));
    digits.parse().ok()
}

/// Returns the parts of the text with `NaN`, `Infinity` and `-Infinity` outside strings replaced by `null`.
/// `None` if the text has none of them. Does not check that the result is JSON.
#[must_use]
pub fn without_nan(text: &str) -> Option<impl Iterator<Item = &str> + Clone> {
    let mut rest = text;
    let mut in_string = false;
    let mut replace = false;
    let parts = core::iter::from_fn(move || {
        if core::mem::take(&mut replace) {
            return Some("null");
        }
        let (mut at, mut word) = (0, 0);
        let bytes = rest.as_bytes();
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => in_string = !in_string,
                b'\\' if in_string => at += 1,
                b'N' | b'I' | b'-' if !in_string => {
                    word = nan(bytes.get(at..).unwrap_or_default());
                    if word > 0 {
                        break;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        if rest.is_empty() {
            return None;
        }
        replace = word > 0;
        let part = rest.get(..at).unwrap_or(rest);
        rest = rest.get(at + word..).unwrap_or_default();
        Some(part)
    });
    parts.clone().any(|part| part == "null").then_some(parts)
}

/// Replaces each lone surrogate escape by U+FFFD, such as `\ud83d` of an emoji that JavaScript cut in two. JSON
/// parsers reject a text with one. Both escapes have the same length.
pub fn replace_lone_surrogates(json: &mut String) {
    if !json.contains("\\u") {
        return;
    }
    let mut bytes = core::mem::take(json).into_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' {
            at += 1;
            continue;
        }
        at += match (unit(&bytes, at), unit(&bytes, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                if let Some(digits) = bytes.get_mut(at + 2..at + 6) {
                    digits.copy_from_slice(b"fffd");
                }
                6
            }
            (Some(_), _) => 6,
            // The backslash escapes the next byte.
            (None, _) => 2,
        };
    }
    // Cannot fail: ASCII was replaced by ASCII.
    *json = String::from_utf8(bytes).unwrap_or_default();
}

/// Returns the UTF-16 unit of a `\u` escape at this index.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?)
    })
}

/// Returns the length of a number at the start of `text` that JSON does not have, or 0.
fn nan(text: &[u8]) -> usize {
    let words: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    words.iter().find(|word| text.starts_with(word)).map_or(0, |word| word.len())
}

/// Returns a whole number of at most `most`. `2.0` is one: JavaScript does not distinguish them.
#[must_use]
pub fn whole(number: f64, most: u32) -> Option<u32> {
    let is_whole = number % 1.0 == 0.0 && (0.0..=f64::from(most)).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just checked")]
    is_whole.then_some(number as u32)
}

/// Returns an owned JSON value. `None` for `null`.
#[must_use]
pub fn present(value: &RawValue) -> Option<Box<RawValue>> {
    (value.get() != "null").then(|| value.to_owned())
}

/// Removes the white space between the values of a JSON text. Order and spelling stay.
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

/// Reads a field's name into the string of the previous one, to save allocations.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        for (json, expected) in [
            ("40003", Some(40003)),
            ("400030e-1", Some(40003)),
            ("\"40003 \"", Some(40003)),
            (r#""4000\u0033""#, Some(40003)),
            (r#""\t40003\n""#, Some(40003)),
            (r#""4000\q""#, None),
            ("\"\"", None),
        ] {
            assert_eq!(integer(json), expected, "{json}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        for (json, expected) in [
            (r#""坡\ud83d""#, r#""坡\ufffd""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\uD83D\uDE00\ud83d\ud83d\ude00""#, r#""\uD83D\uDE00\ufffd\ud83d\ude00""#),
            (r#""\\ud83d \ud8""#, r#""\\ud83d \ud8""#),
            (r#"{"\udfff":1}"#, r#"{"\ufffd":1}"#),
            (r"\", r"\"),
            (r"\ud83d", r"\ufffd"),
        ] {
            let mut text = json.to_owned();
            replace_lone_surrogates(&mut text);
            assert_eq!(text, expected, "{json}");
        }
    }
}
