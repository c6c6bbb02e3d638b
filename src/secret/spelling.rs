//! How a text may spell what it says: as it stands, percent-encoded, escaped as in JSON, a program's
//! string or HTML, and any of these over another.

use alloc::vec::Vec;

/// How often a text is decoded: JSON in JSON, JSON in a URL.
pub(super) const LAYERS: usize = 2;

/// A way to spell what cannot stand as it is. Each is read by itself: what is an escape in one may be
/// plain text in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// `%26`.
    Percent,
    /// `\u0026`, `\x26`, `\"`.
    Backslash,
    /// `&#38;`, `&amp;`.
    Entity,
}

/// Every code.
pub(super) const CODES: [Code; 3] = [Code::Percent, Code::Backslash, Code::Entity];

/// A byte as it may have been meant, and the part of the text that spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) meant: u8,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The text as it stands. Each byte of a character is spelled by the whole of it.
pub(super) fn as_it_stands(text: &str) -> Vec<Seen> {
    let mut seen = Vec::with_capacity(text.len());
    for (index, meant) in text.bytes().enumerate() {
        let start = text.floor_char_boundary(index);
        seen.push(Seen { meant, start, end: text.ceil_char_boundary(index + 1) });
    }
    seen
}

/// The text with one layer of this code's escapes read; none where it has none.
pub(super) fn decoded(text: &[Seen], code: Code) -> Option<Vec<Seen>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let Some((meant, length)) = escape(rest, code) else {
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

/// The escape at the start of a text, and how many bytes spell it.
fn escape(text: &[Seen], code: Code) -> Option<(Meant, usize)> {
    let at = |index: usize| text.get(index).map(|seen| seen.meant);
    let byte = |from: usize| {
        let byte = number(text, from, 2, 16)?.try_into().ok()?;
        Some((Meant::Byte(byte), from + 2))
    };
    match (code, at(0)?, at(1)?) {
        (Code::Percent, b'%', _) => byte(1),
        (Code::Entity, b'&', _) => entity(text),
        (Code::Backslash, b'\\', b'x') => byte(2),
        (Code::Backslash, b'\\', b'u') => {
            let half = |from: usize| u16::try_from(number(text, from, 4, 16)?).ok();
            let first = half(2)?;
            let second = (at(6) == Some(b'\\') && at(7) == Some(b'u')).then(|| half(8)).flatten();
            let units = [first, second.unwrap_or_default()];
            let character = char::decode_utf16(units).next()?.ok()?;
            Some((Meant::Character(character), 6 * character.len_utf16()))
        }
        (Code::Backslash, b'\\', b'n' | b'r' | b't') => Some((Meant::Byte(b'\n'), 2)),
        (Code::Backslash, b'\\', escaped @ (b'"' | b'\'' | b'/' | b'\\')) => {
            Some((Meant::Byte(escaped), 2))
        }
        _ => None,
    }
}

/// `&amp;` and its like.
fn entity(text: &[Seen]) -> Option<(Meant, usize)> {
    const LONGEST: usize = 10;
    let length = text.iter().take(LONGEST).position(|seen| seen.meant == b';')?;
    let name: Vec<u8> = text.get(1..length)?.iter().map(|seen| seen.meant).collect();
    let character = match name.as_slice() {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', ..] => char::from_u32(number(text, 3, length - 3, 16)?)?,
        [b'#', ..] => char::from_u32(number(text, 2, length - 2, 10)?)?,
        _ => return None,
    };
    Some((Meant::Character(character), length + 1))
}

/// The number that so many digits from `from` on make.
fn number(text: &[Seen], from: usize, digits: usize, radix: u32) -> Option<u32> {
    let digits = text.get(from..from + digits).filter(|digits| !digits.is_empty())?;
    digits.iter().try_fold(0_u32, |number, seen| {
        let digit = char::from(seen.meant).to_digit(radix)?;
        number.checked_mul(radix)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn read(text: &str, code: Code) -> Option<String> {
        let bytes = decoded(&as_it_stands(text), code)?.iter().map(|seen| seen.meant).collect();
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn each_escape_is_read() {
        for (code, spelled, meant) in [
            (Code::Percent, "a%26%E5%9d%A1b", "a&坡b"),
            (Code::Percent, r"%2526\u0026", r"%26\u0026"),
            (Code::Backslash, r"a\u0026\u5761b", "a&坡b"),
            (Code::Backslash, r"\ud83D\uDE00", "😀"),
            (Code::Backslash, r#"a\"\/\\b"#, r#"a"/\b"#),
            (Code::Backslash, r"a\x26b", "a&b"),
            (Code::Backslash, r"a\nb", "a\nb"),
            (Code::Backslash, r"\\u0026%26", r"\u0026%26"),
            (Code::Entity, "&lt;&amp;&quot;&apos;&#39;&#x2F;&gt;", "<&\"''/>"),
        ] {
            assert_eq!(read(spelled, code).as_deref(), Some(meant), "{spelled}");
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [
            "",
            "坡",
            "100%",
            "%",
            "%4",
            "%zz",
            r"\",
            r"\u12",
            r"\ud83d",
            "&",
            "&;",
            "&#;",
            "&#x;",
            "&nbsp;",
            "&#99999999;",
        ] {
            for code in CODES {
                assert_eq!(read(text, code), None, "{text}");
            }
        }
    }

    #[test]
    fn a_part_of_the_text_is_told_that_ends_between_characters() {
        let seen = decoded(&as_it_stands("坡%26"), Code::Percent).unwrap();
        let spans: Vec<_> = seen.iter().map(|seen| (seen.start, seen.end)).collect();
        assert_eq!(spans, [(0, 3), (0, 3), (0, 3), (3, 6)]);
    }
}
