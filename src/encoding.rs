//! Decodes bodies that a server compressed although the request did not allow it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use serde::de::IgnoredAny;

use crate::secret::prefix;

/// The largest number of nested encodings. curl has the same limit.
const MAX_LAYERS: usize = 5;
/// The maximum ratio of deflate: one byte decodes to at most 1032.
const MAX_RATIO: usize = 1032;
/// How much of an unknown encoding's name is shown.
const MAX_NAME_BYTES: usize = 40;

/// Why a body could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecoded {
    /// The decoded body is larger than a response may be.
    TooLarge,
    /// The encoding is unknown, or the body is not valid in it. The text is the reason.
    Unreadable(String),
}

impl fmt::Display for Undecoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "its body is larger than it may be",
            Self::Unreadable(why) => why,
        })
    }
}

/// The first bytes of a gzip file. No text begins with them.
const GZIP: &[u8] = b"\x1f\x8b\x08";

/// Decodes `body` in place by its `Content-Encoding`, and a gzip file also without one. After an error `body`
/// has the part that could be decoded. An empty body is not decoded: a response to `HEAD` has none.
///
/// # Errors
/// If the result is larger than `limit`, the body is broken, or an encoding is unknown and the body is no JSON.
pub fn decode(
    body: &mut Vec<u8>,
    content_encoding: Option<&str>,
    limit: usize,
) -> Result<(), Undecoded> {
    let guessed = if body.starts_with(GZIP) { "gzip" } else { "" };
    let encodings = content_encoding.unwrap_or(guessed).split(',').map(str::trim);
    let is_encoding = |name: &&str| !name.is_empty() && !name.eq_ignore_ascii_case("identity");
    for (layer, name) in encodings.filter(is_encoding).rev().enumerate() {
        if body.is_empty() {
            break;
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let read = if is("gzip") || is("x-gzip") {
            gzip
        } else if is("deflate") {
            deflate
        } else if is_json(body) {
            // Some servers send a charset or `none` in this header.
            continue;
        } else {
            body.clear();
            let name = prefix(name, MAX_NAME_BYTES);
            return Err(unreadable(&["is `", name, "`, which cannot be decoded here"]));
        };
        if layer == MAX_LAYERS {
            body.clear();
            return Err(unreadable(&["names more than 5 encodings"]));
        }
        let mut output = Output::new(limit);
        let result = read(body, &mut output);
        output.bytes.truncate(output.filled);
        *body = output.bytes;
        match result {
            Ok(()) => {}
            Err(Error::TooLarge) => return Err(Undecoded::TooLarge),
            Err(Error::Broken(how)) => {
                return Err(unreadable(&["is `", name, "`, and the body ", how]));
            }
        }
    }
    Ok(())
}

fn unreadable(problem: &[&str]) -> Undecoded {
    let problem = problem.concat();
    let fix = "; let the server or the gateway send it uncompressed";
    Undecoded::Unreadable(["the Content-Encoding ", &problem, fix].concat())
}

enum Error {
    TooLarge,
    Broken(&'static str),
}

const TRUNCATED: Error = Error::Broken("is truncated");
const BROKEN: Error = Error::Broken("is broken");

/// The decoded bytes. Buffer and decoder are reused between streams, so that a body of very many tiny
/// streams does not cost more than its size.
struct Output {
    bytes: Vec<u8>,
    filled: usize,
    limit: usize,
    decoder: Box<DecompressorOxide>,
}

impl Output {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), filled: 0, limit, decoder: Box::default() }
    }

    /// Grows the buffer to `length` bytes, at most to the limit.
    fn grow(&mut self, length: usize) {
        let length = length.min(self.limit);
        if length > self.bytes.len() {
            self.bytes.reserve_exact(length - self.bytes.len());
            self.bytes.resize(length, 0);
        }
    }

    /// Decodes one stream. Returns the rest of the input.
    fn inflate<'a>(&mut self, mut input: &'a [u8], flags: u32) -> Result<&'a [u8], Error> {
        self.decoder.init();
        let start = self.filled;
        let flags = flags | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        loop {
            // A stream refers only to its own bytes.
            let buffer = self.bytes.get_mut(start..).unwrap_or_default();
            let position = self.filled - start;
            let (status, read, written) =
                decompress(&mut self.decoder, input, buffer, position, flags);
            input = input.get(read..).unwrap_or_default();
            self.filled += written;
            match status {
                TINFLStatus::Done => return Ok(input),
                TINFLStatus::HasMoreOutput if self.bytes.len() < self.limit => {
                    self.grow(self.bytes.len().saturating_mul(2).max(4096));
                }
                TINFLStatus::HasMoreOutput => return Err(Error::TooLarge),
                TINFLStatus::FailedCannotMakeProgress => return Err(TRUNCATED),
                _ => return Err(BROKEN),
            }
        }
    }
}

/// RFC 1952: one or more members, and zeros that pad the last one.
fn gzip(mut input: &[u8], output: &mut Output) -> Result<(), Error> {
    // The last four bytes are the length of the last member. Usually there is only one.
    if let Some(length) = input.last_chunk() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        output.grow(length.min(input.len().saturating_mul(MAX_RATIO)));
    }
    loop {
        input = after_gzip_header(input)?;
        let start = output.filled;
        input = output.inflate(input, 0)?;
        let (trailer, rest) = input.split_first_chunk::<8>().ok_or(TRUNCATED)?;
        let member = output.bytes.get(start..output.filled).unwrap_or_default();
        // The field is the length modulo 2^32.
        #[expect(clippy::cast_possible_truncation, reason = "as the format has it")]
        let length = (member.len() as u32).to_le_bytes();
        if [crc32(member).to_le_bytes(), length].concat() != trailer {
            return Err(Error::Broken("does not match its checksum"));
        }
        input = rest;
        if is_padding(input) {
            return Ok(());
        }
    }
}

fn after_gzip_header(input: &[u8]) -> Result<&[u8], Error> {
    const CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const RESERVED: u8 = 0xe0;

    if !GZIP.starts_with(input.get(..3).unwrap_or(input)) {
        return Err(BROKEN);
    }
    let (head, mut rest) = input.split_first_chunk::<10>().ok_or(TRUNCATED)?;
    let [_, _, _, flags, ..] = *head;
    if flags & RESERVED != 0 {
        return Err(BROKEN);
    }
    if flags & EXTRA != 0 {
        let (length, extra) = rest.split_first_chunk().ok_or(TRUNCATED)?;
        rest = extra.get(usize::from(u16::from_le_bytes(*length))..).ok_or(TRUNCATED)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or(TRUNCATED)?;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }
    if flags & CRC != 0 {
        let header = input.get(..input.len() - rest.len()).unwrap_or_default();
        let (crc, after) = rest.split_first_chunk().ok_or(TRUNCATED)?;
        if crc32(header) & 0xffff != u32::from(u16::from_le_bytes(*crc)) {
            return Err(BROKEN);
        }
        rest = after;
    }
    Ok(rest)
}

/// HTTP's `deflate` is RFC 1950 (zlib); some servers send RFC 1951 without that wrapper.
fn deflate(input: &[u8], output: &mut Output) -> Result<(), Error> {
    let is_zlib = match input {
        [method, check, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *check]).is_multiple_of(31)
        }
        _ => false,
    };
    let flags = if is_zlib { inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER } else { 0 };
    output.grow(input.len().saturating_mul(4));
    let rest = output.inflate(input, flags)?;
    if is_padding(rest) { Ok(()) } else { Err(BROKEN) }
}

/// Whether the rest is only zeros, or line breaks that a script added.
fn is_padding(rest: &[u8]) -> bool {
    rest.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// The checksum of RFC 1952, four bits at a time: a table of 64 bytes.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut index = 0;
        while index < 16 {
            let mut value = index;
            let mut bit = 0;
            while bit < 4 {
                value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
            {
                table[index as usize] = value;
            }
            index += 1;
        }
        table
    };
    let step = |crc: u32| crc >> 4 ^ TABLE.get((crc & 15) as usize).copied().unwrap_or_default();
    !bytes.iter().fold(!0, |crc, byte| step(step(crc ^ u32::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;
    use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

    const TEXT: &[u8] = "{\"code\":40003,\"msg\":\"token过期 token过期 token过期\"}".as_bytes();

    /// Returns a member of a gzip file with these flags and the fields that they announce.
    fn member(text: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
        let mut bytes = [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3], fields].concat();
        if flags & 2 != 0 {
            let crc = crc32(&bytes).to_le_bytes();
            bytes.extend(&crc[..2]);
        }
        bytes.extend(compress_to_vec(text, 6));
        bytes.extend(crc32(text).to_le_bytes());
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes
    }

    fn decoded(body: &[u8], encoding: &str) -> Result<Vec<u8>, Undecoded> {
        let mut body = body.to_vec();
        decode(&mut body, Some(encoding), 1 << 20).map(|()| body)
    }

    fn why(body: &[u8], encoding: &str) -> String {
        match decoded(body, encoding) {
            Err(Undecoded::Unreadable(why)) => why,
            other => panic!("{encoding}: {other:?}"),
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn every_usual_encoding_is_decoded() {
        let (gzip, zlib, raw) =
            (member(TEXT, 0, b""), compress_to_vec_zlib(TEXT, 6), compress_to_vec(TEXT, 6));
        for (encoding, body) in [
            ("gzip", &gzip),
            ("x-gzip", &gzip),
            (" GZip ,", &gzip),
            ("identity, gzip", &gzip),
            ("gzip,identity", &gzip),
            ("deflate", &zlib),
            ("Deflate", &raw),
            ("deflate", &compress_to_vec_zlib(TEXT, 0)),
            ("deflate", &compress_to_vec(TEXT, 0)),
            ("deflate, gzip", &member(&zlib, 0, b"")),
            ("gzip, deflate", &compress_to_vec(&gzip, 6)),
            ("identity", &TEXT.to_vec()),
            ("", &TEXT.to_vec()),
        ] {
            assert_eq!(decoded(body, encoding).unwrap(), TEXT, "{encoding}");
        }
    }

    #[test]
    fn every_field_of_a_gzip_header_is_skipped() {
        for (flags, fields) in [
            (1, &b""[..]),
            (2, b""),
            (4, b"\x05\0extra"),
            (8, b"name.json\0"),
            (16, b"comment\0"),
            (31, b"\0\0name\0comment\0"),
        ] {
            assert_eq!(decoded(&member(TEXT, flags, fields), "gzip").unwrap(), TEXT, "{flags}");
        }
    }

    #[test]
    fn members_follow_each_other_and_zeros_pad_them() {
        let (start, end) = TEXT.split_at(17);
        let body = [&member(start, 8, b"a\0"), &member(b"", 0, b""), &member(end, 0, b"")[..]];
        assert_eq!(decoded(&body.concat(), "gzip").unwrap(), TEXT);
        for padding in [&[0; 512][..], b"\r\n"] {
            let padded = [&body.concat()[..], padding].concat();
            assert_eq!(decoded(&padded, "gzip").unwrap(), TEXT);
        }
    }

    #[test]
    fn many_tiny_members_cost_no_more_than_their_bytes() {
        let one = member(b"", 0, b"");
        assert_eq!(decoded(&one.repeat(200_000), "gzip").unwrap(), b"");
    }

    #[test]
    fn what_is_cut_anywhere_is_truncated_and_never_a_result() {
        for (encoding, whole) in
            [("gzip", member(TEXT, 31, b"\0\0n\0c\0")), ("deflate", compress_to_vec_zlib(TEXT, 6))]
        {
            for length in 1..whole.len() {
                let why = why(&whole[..length], encoding);
                assert!(why.contains(&format!("`{encoding}`")), "{length}: {why}");
            }
            let why = why(&whole[..whole.len() - 1], encoding);
            assert!(why.contains("truncated"), "{why}");
        }
        let raw = compress_to_vec(TEXT, 6);
        (1..raw.len())
            .for_each(|length| assert!(why(&raw[..length], "deflate").contains("deflate")));
    }

    #[test]
    fn a_byte_that_was_changed_is_noticed() {
        // The time and the operating system in the header do not affect the body.
        for (encoding, whole, from) in
            [("gzip", member(TEXT, 0, b""), 10), ("deflate", compress_to_vec_zlib(TEXT, 6), 0)]
        {
            for index in from..whole.len() {
                let mut body = whole.clone();
                body[index] ^= 0x10;
                assert_ne!(decoded(&body, encoding).ok().as_deref(), Some(TEXT), "{index}");
                assert!(decoded(&body, encoding).is_err(), "{encoding} {index}");
            }
        }
    }

    #[test]
    fn what_is_something_else_than_it_says_is_broken() {
        let gzip = member(TEXT, 0, b"");
        for (encoding, body) in [
            ("gzip", TEXT),
            ("gzip", &gzip[1..]),
            ("gzip", &[&gzip[..], b"<html>"].concat()),
            ("gzip", &member(TEXT, 0x20, b"")),
            ("deflate", TEXT),
            ("deflate", &gzip),
            ("gzip, gzip", &gzip),
        ] {
            assert!(why(body, encoding).contains("gzip") || encoding == "deflate", "{encoding}");
        }
    }

    #[test]
    fn an_unknown_encoding_is_named_and_its_body_not_kept() {
        for encoding in ["br", "zstd", "compress", "gzip, br", "gzip;q=1"] {
            let mut body = member(TEXT, 0, b"");
            let Err(Undecoded::Unreadable(why)) = decode(&mut body, Some(encoding), 1 << 20) else {
                panic!("{encoding} was decoded");
            };
            let name = encoding.rsplit(' ').next().unwrap();
            assert!(why.contains(&format!("`{name}`")), "{why}");
            assert!(body.is_empty());
        }
        assert!(why(b"text", &"x".repeat(10_000)).len() < 200);
        assert!(why(&member(TEXT, 0, b""), &["gzip"; 6].join(",")).contains("gzip"));
    }

    #[test]
    fn json_under_an_unknown_encoding_is_not_encoded() {
        for encoding in ["utf-8", "none", "8bit", "binary", "br"] {
            assert_eq!(decoded(TEXT, encoding).unwrap(), TEXT, "{encoding}");
        }
        assert!(why(b"<html>", "utf-8").contains("`utf-8`"));
    }

    #[test]
    fn a_gzip_file_is_decoded_without_a_header_too() {
        let mut body = member(TEXT, 0, b"");
        assert_eq!(decode(&mut body, None, 1 << 20), Ok(()));
        assert_eq!(body, TEXT);
        let mut text = TEXT.to_vec();
        assert_eq!(decode(&mut text, None, 1 << 20), Ok(()));
        assert_eq!(text, TEXT);
    }

    #[test]
    fn no_body_is_no_body_whatever_its_encoding() {
        for encoding in ["gzip", "br", "deflate, gzip"] {
            assert_eq!(decoded(b"", encoding).unwrap(), b"");
        }
    }

    #[test]
    fn a_body_of_the_limit_fits_and_one_byte_more_is_too_large() {
        let text = vec![b'x'; 100_000];
        for (encoding, body) in [
            ("gzip", member(&text, 0, b"")),
            ("gzip", [member(&text[1..], 0, b""), member(b"x", 0, b"")].concat()),
            ("deflate", compress_to_vec_zlib(&text, 6)),
            ("deflate", compress_to_vec(&text, 6)),
            ("deflate", compress_to_vec(&text, 0)),
        ] {
            let mut whole = body.clone();
            assert_eq!(decode(&mut whole, Some(encoding), text.len()), Ok(()), "{encoding}");
            assert_eq!(whole, text);
            let mut cut = body;
            let result = decode(&mut cut, Some(encoding), text.len() - 1);
            assert_eq!(result, Err(Undecoded::TooLarge), "{encoding}");
            assert_eq!(cut, text[1..]);
        }
    }

    #[test]
    fn a_bomb_takes_no_more_room_than_the_limit() {
        let bomb = member(&member(&vec![0; 50_000_000], 0, b""), 0, b"");
        let mut body = bomb.clone();
        assert_eq!(decode(&mut body, Some("gzip, gzip"), 100_000), Err(Undecoded::TooLarge));
        assert!(body.capacity() <= 100_000);
        // The buffer does not grow beyond what the body can decode to, whatever size it announces.
        let mut liar = member(b"x", 0, b"");
        let end = liar.len();
        liar[end - 4..].fill(0xff);
        assert!(decode(&mut liar, Some("gzip"), usize::MAX).is_err());
        assert!(liar.capacity() <= 1032 * end);
    }
}
