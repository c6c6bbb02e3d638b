//! Takes secrets out of text that somebody else wrote.

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::spelling::{CODES, LAYERS, Seen, as_it_stands, decoded};
use super::{Secret, prefix};

/// How much platform text an error or a log line may carry, in bytes.
pub const EXCERPT_BYTES: usize = 2048;

/// How much of a text is looked at: a secret takes more room than what stands in its place.
const EXAMINED_BYTES: usize = 2 * EXCERPT_BYTES;
/// How much further a secret's beginning may reach, however it is spelled.
const LOOKAHEAD_BYTES: usize = 256;

/// How many bytes in a row are enough to recognise a secret: a part of it, cut out anywhere, is hidden
/// too.
const TELLTALE_BYTES: usize = 12;

/// How long a token's part must be to be hidden by itself: shorter ones stand in other texts too.
const PART_BYTES: usize = 8;

/// Takes secrets out of text that somebody else wrote, however it spells them: as they are, in another
/// case, percent-encoded, escaped, as base64, broken over lines, or a part alone.
///
/// What it cannot see: a secret in another code (hashed, compressed, encrypted, reversed), and pieces
/// of one that are shorter than twelve bytes.
///
/// Most calls never show a text, so a secret is only kept here until one is.
#[derive(Debug, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
    authorizations: Vec<Secret>,
}

impl Redactor {
    /// Also hides `secret`.
    #[must_use]
    pub fn hide(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// Also hides the value of an `Authorization` header: whole, the token without its scheme, and
    /// each part of that.
    #[must_use]
    pub fn hide_authorization(mut self, value: &Secret) -> Self {
        self.authorizations.push(value.clone());
        self
    }

    /// The start of `text`, at most [`EXCERPT_BYTES`], with every secret in it read as `***`.
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        let mut needles = Needles::default();
        self.secrets.iter().for_each(|secret| needles.add_secret(secret.expose()));
        self.authorizations.iter().for_each(|value| needles.add_authorization(value.expose()));
        needles.excerpt(text)
    }
}

/// What is looked for.
#[derive(Default)]
struct Needles {
    needles: Vec<Secret>,
    /// Whether one of them is shorter than a beginning.
    has_short: bool,
}

impl Needles {
    fn add_secret(&mut self, secret: &str) {
        self.add(secret);
        self.add_base64(secret);
    }

    fn add_authorization(&mut self, whole: &str) {
        self.add(whole);
        let bare = whole.split_once(' ').map_or(whole, |(_, token)| token.trim_start());
        self.add(bare);
        self.add_base64(bare);
        let is_hidden_alone = |part: &&str| (PART_BYTES..TELLTALE_BYTES).contains(&part.len());
        for part in bare.split('.').filter(is_hidden_alone) {
            self.add(part);
        }
    }

    fn add(&mut self, value: &str) {
        let is_known = |known: &Secret| {
            known.expose() == value
                || (value.len() >= TELLTALE_BYTES && known.expose().contains(value))
        };
        if !value.is_empty() && !self.needles.iter().any(is_known) {
            self.needles.push(Secret::new(value));
            self.has_short |= value.len() < 3;
        }
    }

    /// The three ways in which base64 has `value` inside a longer text: without the digits at either
    /// end that depend on what stands beside it.
    fn add_base64(&mut self, value: &str) {
        for before in 0..3 {
            let mut bytes = Zeroizing::new(alloc::vec![0; before]);
            bytes.extend_from_slice(value.as_bytes());
            let encoded = base64(&bytes);
            let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
            let own = encoded.expose().get(own).unwrap_or_default();
            if own.len() >= PART_BYTES {
                self.add(own);
            }
        }
    }

    fn excerpt(&self, text: &str) -> String {
        let examined = prefix(text, EXAMINED_BYTES + LOOKAHEAD_BYTES);
        let shown = prefix(text, EXAMINED_BYTES).len();
        let mut hidden = alloc::vec![false; examined.len()];
        self.look(&as_it_stands(examined), LAYERS, &self.beginnings(), &mut hidden);
        let mut out = String::new();
        let mut at = 0;
        while at < shown {
            let rest = hidden.get(at..).unwrap_or_default();
            let is_hidden = rest.first() == Some(&true);
            let length = rest.iter().take_while(|hidden| **hidden == is_hidden).count();
            let part = text.get(at..shown.min(at + length)).unwrap_or_default();
            out.push_str(if is_hidden { "***" } else { part });
            at += length;
        }
        let cut = out.len() > EXCERPT_BYTES || at < text.len();
        out.truncate(prefix(&out, EXCERPT_BYTES).len());
        if cut {
            out.push('…');
        }
        out
    }

    /// Which three bytes a secret may begin with, wherever it was cut.
    fn beginnings(&self) -> Vec<bool> {
        let mut beginnings = alloc::vec![false; BEGINNINGS];
        for needle in &self.needles {
            for three in needle.expose().as_bytes().windows(3) {
                if let Some(known) = beginnings.get_mut(beginning(three.iter())) {
                    *known = true;
                }
            }
        }
        beginnings
    }

    /// Marks every byte of a text that has a part in spelling a secret.
    fn look(&self, text: &[Seen], layers: usize, beginnings: &[bool], hidden: &mut [bool]) {
        for at in 0..text.len() {
            let rest = text.get(at..).unwrap_or_default();
            let three = beginning(rest.iter().take(3).map(|seen| &seen.meant));
            if self.has_short || beginnings.get(three) == Some(&true) {
                for needle in &self.needles {
                    find(needle.expose().as_bytes(), rest, hidden);
                }
            }
        }
        if let Some(layers) = layers.checked_sub(1) {
            for code in CODES {
                if let Some(text) = decoded(text, code) {
                    self.look(&text, layers, beginnings, hidden);
                }
            }
        }
    }
}

/// How many beginnings are told apart.
const BEGINNINGS: usize = 1 << 14;

fn beginning<'a>(three: impl Iterator<Item = &'a u8>) -> usize {
    three.fold(0, |sum, byte| (sum * 131 + usize::from(plain(*byte))) % BEGINNINGS)
}

/// Without padding. The crate's encoder brings its tables along, three kilobytes of them.
fn base64(bytes: &[u8]) -> Secret {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=three.len() {
            let digit = (bits >> (18 - 6 * digit)) & 63;
            encoded.extend(DIGITS.get(digit as usize).map(|digit| char::from(*digit)));
        }
    }
    Secret::new(encoded)
}

/// Marks what `text` starts with where that spells `needle`, or enough of it.
fn find(needle: &[u8], text: &[Seen], hidden: &mut [bool]) {
    let enough = needle.len().min(TELLTALE_BYTES);
    for at in 0..=needle.len() - enough {
        // The blank before a token is the text's own.
        if at > 0 && needle.get(at) == Some(&b' ') {
            continue;
        }
        let (matched, length) = run(needle.get(at..).unwrap_or_default(), text);
        if matched >= enough
            && let (Some(first), Some(last)) = (text.first(), text.get(length - 1))
            && let Some(hidden) = hidden.get_mut(first.start..last.end)
        {
            hidden.fill(true);
        }
    }
}

/// How many bytes `needle` and `text` start with in common, and how much of the text that is: where it
/// breaks a line, it goes on after that.
fn run(needle: &[u8], text: &[Seen]) -> (usize, usize) {
    let (mut matched, mut length) = (0, 0);
    for (index, seen) in text.iter().enumerate() {
        match needle.get(matched) {
            Some(byte) if plain(*byte) == plain(seen.meant) => {
                matched += 1;
                length = index + 1;
            }
            Some(_) if matched > 0 && seen.meant.is_ascii_whitespace() => {}
            _ => break,
        }
    }
    (matched, length)
}

/// What a byte is taken for: in either case, in either alphabet of base64, and a blank as forms write
/// it.
fn plain(byte: u8) -> u8 {
    match byte {
        b'+' | b' ' => b'-',
        b'/' => b'_',
        byte => byte.to_ascii_lowercase(),
    }
}
