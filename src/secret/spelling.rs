//! The spellings of a text: plain, percent-encoded, escaped as in JSON, or several of these in layers.

use alloc::vec::Vec;

/// How many layers are decoded, such as JSON in JSON or JSON in a URL.
pub(super) const LAYERS: usize = 2;

/// The longest spelling of one byte in [`LAYERS`] layers: `\u005c\u0075\u0030\u0030\u0032\u0036`.
pub(super) const MAX_SPELLING_BYTES: usize = 36;

/// A way to escape characters. Each is decoded separately, because an escape of one may be plain text in
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// `%26`.
    Percent,
    /// `\u0026`, `\x26`, `\"`.
    Backslash,
}

pub(super) const CODES: [Code; 2] = [Code::Percent, Code::Backslash];

/// A decoded byte and the part of the text that spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) meant: u8,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Returns the text undecoded. Each byte of a character is spelled by the whole character.
pub(super) fn as_it_is(text: &str) -> Vec<Seen> {
    let mut seen = Vec::with_capacity(text.len());
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        let bytes = text.as_bytes().get(start..end).unwrap_or_default();
        seen.extend(bytes.iter().map(|&meant| Seen { meant, start, end }));
    }
    seen
}

/// Decodes one layer of this code's escapes. `None` if the text has no escape.
pub(super) fn decoded(text: &[Seen], code: Code) -> Option<Vec<Seen>> {
    let mark = match code {
        Code::Percent => b'%',
        Code::Backslash => b'\\',
    };
    if text.iter().all(|seen| seen.meant != mark) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let escape = if first.meant == mark { escape(rest, code) } else { None };
        let Some((meant, length)) = escape else {
            out.push(*first);
            rest = after;
            continue;
        };
        let (spelled, after) = rest.split_at(length.min(rest.len()));
        let end = spelled.last().map_or(first.end, |last| last.end);
        let mut buffer = [0; 4];
        let bytes: &[u8] = match meant {
            Meant::Byte(byte) => &[byte],
            Meant::Character(character) => character.encode_utf8(&mut buffer).as_bytes(),
        };
        out.extend(bytes.iter().map(|&meant| Seen { meant, start: first.start, end }));
        rest = after;
    }
    (out.len() != text.len()).then_some(out)
}

enum Meant {
    Byte(u8),
    Character(char),
}

/// Reads the escape at the start of a text that begins with this code's mark. Also returns its length in bytes.
fn escape(text: &[Seen], code: Code) -> Option<(Meant, usize)> {
    let at = |index: usize| text.get(index).map(|seen| seen.meant);
    let byte = |from: usize| {
        let byte = hexadecimal(text, from, 2)?.try_into().ok()?;
        Some((Meant::Byte(byte), from + 2))
    };
    let short = |meant: u8| Some((Meant::Byte(meant), 2));
    match (code, at(1)?) {
        (Code::Percent, _) => byte(1),
        (Code::Backslash, b'x') => byte(2),
        (Code::Backslash, b'u') => {
            let half = |from: usize| hexadecimal(text, from, 4);
            let first = half(2)?;
            let second = (at(6) == Some(b'\\') && at(7) == Some(b'u')).then(|| half(8)).flatten();
            let units = [first, second.unwrap_or_default()];
            let character = char::decode_utf16(units).next()?.ok()?;
            Some((Meant::Character(character), 6 * character.len_utf16()))
        }
        (Code::Backslash, b'n') => short(b'\n'),
        (Code::Backslash, b'r') => short(b'\r'),
        (Code::Backslash, b't') => short(b'\t'),
        (Code::Backslash, escaped @ (b'"' | b'\'' | b'/' | b'\\')) => short(escaped),
        (Code::Backslash, _) => None,
    }
}

/// Reads a number of so many hexadecimal digits, starting at `from`.
fn hexadecimal(text: &[Seen], from: usize, digits: usize) -> Option<u16> {
    text.get(from..from + digits)?.iter().try_fold(0, |number, seen| {
        let digit = char::from(seen.meant).to_digit(16)?;
        Some(number << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn read(text: &str, code: Code) -> Option<String> {
        let bytes = decoded(&as_it_is(text), code)?.iter().map(|seen| seen.meant).collect();
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn each_escape_is_decoded() {
        for (code, spelled, meant) in [
            (Code::Percent, "a%26%E5%9d%A1b", "a&坡b"),
            (Code::Percent, r"%2526\u0026", r"%26\u0026"),
            (Code::Backslash, r"a\u0026\u5761b", "a&坡b"),
            (Code::Backslash, r"\ud83D\uDE00", "😀"),
            (Code::Backslash, r#"a\"\/\\b"#, r#"a"/\b"#),
            (Code::Backslash, r"a\x26b", "a&b"),
            (Code::Backslash, r"a\n\r\tb", "a\n\r\tb"),
            (Code::Backslash, r"\\u0026%26", r"\u0026%26"),
        ] {
            assert_eq!(read(spelled, code).as_deref(), Some(meant), "{spelled}");
        }
    }

    #[test]
    fn text_without_an_escape_is_not_decoded() {
        for text in ["", "坡", "100%", "%", "%4", "%zz", r"\", r"\u12", r"\ud83d", "&amp;", "&#38;"]
        {
            for code in CODES {
                assert_eq!(read(text, code), None, "{text}");
            }
        }
    }

    #[test]
    fn the_spelling_of_a_byte_ends_between_characters() {
        let seen = decoded(&as_it_is("坡%26"), Code::Percent).unwrap();
        let spans: Vec<_> = seen.iter().map(|seen| (seen.start, seen.end)).collect();
        assert_eq!(spans, [(0, 3), (0, 3), (0, 3), (3, 6)]);
    }

    #[test]
    fn the_longest_spelling_has_max_spelling_bytes() {
        let twice = r"\u005c\u0075\u0030\u0030\u0032\u0036";
        assert_eq!(twice.len(), MAX_SPELLING_BYTES);
        let once = decoded(&as_it_is(twice), Code::Backslash).unwrap();
        assert_eq!(decoded(&once, Code::Backslash).unwrap()[0].meant, b'&');
    }
}
