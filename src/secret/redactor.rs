//! Takes secrets out of text that somebody else wrote.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::Url;
    use alloc::format;
    use alloc::string::ToString as _;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
    use proptest::prelude::*;

    const TOKEN: &str = "Bearer eyJhbGciOiJIUzI1NiJ9.MARKER.c2lnbmF0dXJl";

    fn redactor() -> Redactor {
        Redactor::default().hide_authorization(&Secret::new(TOKEN))
    }

    fn hiding(secret: &str) -> Redactor {
        Redactor::default().hide(&Secret::new(secret))
    }

    #[test]
    fn a_token_is_hidden_with_and_without_its_scheme() {
        let bare = TOKEN.trim_start_matches("Bearer ");
        assert_eq!(redactor().excerpt(&format!("got {TOKEN}!")), "got ***!");
        assert_eq!(redactor().excerpt(&format!("got {bare}!")), "got ***!");
    }

    #[test]
    fn an_echo_cut_short_is_hidden_too() {
        assert_eq!(redactor().excerpt("bad token eyJhbGciOiJIUzI1…"), "bad token ***…");
    }

    #[test]
    fn a_piece_cut_out_of_the_middle_is_hidden_too() {
        assert_eq!(redactor().excerpt("…ciOiJIUzI1NiJ9.MAR…"), "…***…");
        let pieces = ["Bearer eyJhbGci", "OiJIUzI1NiJ9.MA", "RKER.c2lnbmF0dXJl"];
        assert_eq!(redactor().excerpt(&pieces.join("\n")), "***");
        assert_eq!(redactor().excerpt(&pieces.join("\",\"")), "***\",\"***\",\"***");
    }

    #[test]
    fn a_token_is_hidden_in_any_case() {
        assert_eq!(redactor().excerpt(&TOKEN.to_uppercase()), "***");
        assert_eq!(redactor().excerpt(&TOKEN.to_lowercase()), "***");
    }

    #[test]
    fn a_password_is_hidden_however_a_url_json_or_html_spells_it() {
        let redactor = hiding("p\"w&d 1坡");
        for spelled in [
            "p%22w%26d%201%E5%9D%A1",
            "p%22w%26d+1%e5%9d%a1",
            "p%2522w%2526d%25201%25E5%259D%25A1",
            r#"p\"w&d 1坡"#,
            r#"p\"w\u0026d 1\u5761"#,
            r#"p\\\"w\\u0026d 1\\u5761"#,
            r"\u0070\u0022\u0077\u0026\u0064\u0020\u0031\u5761",
            r"p\x22w\x26d\x201\xe5\x9d\xa1",
            "p&quot;w&amp;d 1坡",
            "p&#34;w&#x26;d&#32;1&#22369;",
            "P\"W&D 1坡",
        ] {
            assert_eq!(redactor.excerpt(&format!("?a={spelled};")), "?a=***;", "{spelled}");
        }
    }

    #[test]
    fn a_secret_is_hidden_inside_base64_wherever_it_stands() {
        let redactor = hiding("client-secret-93d2");
        for before in ["", "a", "ab", "client:"] {
            for after in ["", "z", "zz"] {
                let pair = format!("{before}client-secret-93d2{after}");
                for encoded in [STANDARD.encode(&pair), URL_SAFE.encode(&pair)] {
                    let shown = redactor.excerpt(&encoded);
                    let left = before.len() * 8 / 6 + after.len() * 8 / 6;
                    assert!(shown.contains("***") && shown.len() <= left + 10, "{pair}: {shown}");
                }
            }
        }
    }

    #[test]
    fn a_part_of_a_token_is_hidden_too() {
        let token = Secret::new("Bearer eyJhbGciOiJIUzI1NiJ9.cGF5bG9hZDEyMzQ.c2lnbmF0");
        let excerpt = Redactor::default()
            .hide_authorization(&token)
            .excerpt("bad signature c2lnbmF0 of cGF5bG9hZDEyMzQ");
        assert_eq!(excerpt, "bad signature *** of ***");
    }

    #[test]
    fn text_is_cut_between_characters() {
        let text = "坡".repeat(EXCERPT_BYTES);
        let excerpt = redactor().excerpt(&text);
        assert!(excerpt.ends_with('…') && excerpt.len() <= EXCERPT_BYTES + '…'.len_utf8());
    }

    #[test]
    fn a_secret_on_the_edge_of_what_is_looked_at_is_hidden() {
        // Hidden text takes no room, so that the edge is shown.
        let hidden = TOKEN.repeat(EXAMINED_BYTES / 2 / TOKEN.len());
        for beyond in 0..TOKEN.len() {
            let filler = "x".repeat(EXAMINED_BYTES - hidden.len() - beyond);
            let shown = redactor().excerpt(&format!("{hidden}{filler}{TOKEN}"));
            assert!(!shown.to_lowercase().contains("be"), "{beyond}: {shown}");
        }
    }

    proptest! {
        #[test]
        fn no_placing_of_a_secret_shows_it(before in "[a-z坡 ]{0,3000}", after in ".{0,40}", times in 1usize..60) {
            let text = format!("{before}{}{after}", TOKEN.repeat(times));
            let excerpt = redactor().excerpt(&text);
            prop_assert!(!excerpt.contains("eyJhbGciOiJI"), "{excerpt}");
            prop_assert!(!excerpt.contains("MARKER"), "{excerpt}");
        }

        #[test]
        fn no_spelling_of_a_password_in_a_url_shows_it(password in "[ -~]{4,40}") {
            let url = Url::parse("http://h/").unwrap().with_query("password", &password);
            let lower = url.path_and_query().split('%').enumerate().map(|(index, part)| {
                let (digits, rest) = part.split_at(if index == 0 { 0 } else { 2 });
                format!("{}{}{rest}", if index == 0 { "" } else { "%" }, digits.to_lowercase())
            });
            for text in [url.path_and_query().to_string(), lower.collect()] {
                prop_assert_eq!(hiding(&password).excerpt(&text), "/?password=***");
            }
        }

        #[test]
        fn no_escaping_of_a_password_in_json_shows_it(password in "[ -~坡😀]{4,40}", layers in 1..3) {
            let text = (0..layers).fold(password.clone(), |text, _| serde_json::to_string(&text).unwrap());
            let quotes = text.len() - text.trim_matches(['"', '\\']).len();
            let shown = hiding(&password).excerpt(&text);
            prop_assert!(shown.contains("***") && shown.len() <= 3 + quotes, "{shown}");
            let escaped: String = password.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(hiding(&password).excerpt(&escaped), "***");
        }

        #[test]
        fn no_piece_of_a_token_that_is_long_enough_is_shown(start in 0usize..30, length in 12usize..40) {
            let piece = &TOKEN[start.min(TOKEN.len() - 12)..(start + length).min(TOKEN.len())];
            prop_assume!(piece.len() >= 12 && !piece.starts_with(' '));
            prop_assert_eq!(redactor().excerpt(&format!("坡{piece}坡")), "坡***坡");
        }

        #[test]
        fn base64_is_base64(bytes: Vec<u8>) {
            let encoded = base64(&bytes);
            prop_assert_eq!(encoded.expose(), STANDARD_NO_PAD.encode(&bytes));
        }

        #[test]
        fn text_without_a_secret_is_unchanged(text in ".{0,200}") {
            prop_assume!(!text.contains("eyJ"));
            prop_assert_eq!(redactor().excerpt(&text), text);
        }
    }
}
