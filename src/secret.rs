//! Values that must never be seen, and the texts they are taken out of.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroize as _;

use crate::url::QUERY;

/// How much platform text an error or a log line may carry, in bytes.
pub const EXCERPT_BYTES: usize = 2048;

/// How much of a secret's start is enough to recognise it, so that an echo cut short is caught too.
const TELLTALE_BYTES: usize = 12;

/// How long a token's part must be to be hidden by itself: shorter ones stand in other texts too.
const PART_BYTES: usize = 8;

/// A token, password or secret: no `Display`, no `Serialize`, a constant `Debug`, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    /// Not inlined: secrets are dropped in many places, and wiping is a loop.
    #[inline(never)]
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What is no text is refused without being told.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = |_| D::Error::custom("it must be a text; what it was is not shown");
        String::deserialize(deserializer).map(Self).map_err(refused)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Takes secrets out of text that somebody else wrote.
#[derive(Debug, Default)]
pub struct Redactor {
    needles: Vec<Secret>,
}

impl Redactor {
    /// Also hides `secret`: as it is, percent-encoded in every usual way, and escaped as in JSON.
    #[must_use]
    pub fn hide(mut self, secret: &Secret) -> Self {
        self.add_spellings(secret.expose());
        self
    }

    /// Also hides the value of an `Authorization` header: whole, the token without its scheme, and
    /// each part of that.
    #[must_use]
    pub fn hide_authorization(mut self, value: &Secret) -> Self {
        let whole = value.expose();
        let bare = whole.split_once(' ').map(|(_, token)| token.trim_start());
        let parts = bare.into_iter().flat_map(|token| token.split('.'));
        let parts = parts.filter(|part| part.len() >= PART_BYTES);
        for value in core::iter::once(whole).chain(bare).chain(parts) {
            self.add_spellings(value);
        }
        self
    }

    fn add_spellings(&mut self, value: &str) {
        self.add(value);
        for set in [QUERY, NON_ALPHANUMERIC] {
            let encoded = utf8_percent_encode(value, set).to_string();
            self.add(&encoded);
            self.add(&lower_hex(&encoded));
            self.add(&encoded.replace("%20", "+"));
        }
        if let Ok(json) = serde_json::to_string(value) {
            self.add(json.trim_matches('"'));
        }
    }

    fn add(&mut self, value: &str) {
        if !value.is_empty() && self.needles.iter().all(|known| known.expose() != value) {
            self.needles.push(Secret::new(value));
        }
    }

    /// The start of `text`, at most [`EXCERPT_BYTES`], with every secret in it read as `***`.
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() && out.len() < EXCERPT_BYTES {
            let (clear, hidden) = self.first_secret(rest, EXCERPT_BYTES - out.len());
            out.push_str(prefix(rest, clear));
            if hidden > 0 {
                out.push_str("***");
            }
            rest = rest.get(clear + hidden..).unwrap_or_default();
            if hidden == 0 {
                break;
            }
        }
        let cut = out.len() > EXCERPT_BYTES || !rest.is_empty();
        out.truncate(prefix(&out, EXCERPT_BYTES).len());
        if cut {
            out.push('…');
        }
        out
    }

    /// Where the first secret that starts within `window` bytes begins, and how long it is; the
    /// window's end and 0 where there is none.
    fn first_secret(&self, text: &str, window: usize) -> (usize, usize) {
        let end = prefix(text, window).len();
        let mut first = (end, 0);
        for needle in &self.needles {
            let needle = needle.expose();
            let telltale = prefix(needle, TELLTALE_BYTES);
            let searched = prefix(text, end + telltale.len());
            let Some(at) = searched.find(telltale).filter(|at| *at < end) else {
                continue;
            };
            let length = common_prefix(text.get(at..).unwrap_or_default(), needle);
            if at < first.0 || (at == first.0 && length > first.1) {
                first = (at, length);
            }
        }
        first
    }
}

/// Percent-encoded text with its hexadecimal digits in lower case.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut lower: String = parts.next().unwrap_or_default().into();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        lower.push('%');
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
}

/// The longest prefix of `text` within `bytes` bytes that ends between two characters.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// How many bytes of whole characters `a` and `b` start with in common.
fn common_prefix(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    const TOKEN: &str = "Bearer eyJhbGciOiJIUzI1NiJ9.MARKER.c2lnbmF0dXJl";

    fn redactor() -> Redactor {
        Redactor::default().hide_authorization(&Secret::new(TOKEN))
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("MARKER")), "***");
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
    fn a_password_is_hidden_however_a_url_or_json_spells_it() {
        let redactor = Redactor::default().hide(&Secret::new("p\"w&d 1"));
        assert_eq!(redactor.excerpt("?password=p%22w%26d%201&x"), "?password=***&x");
        assert_eq!(redactor.excerpt(r#"{"password":"p\"w&d 1"}"#), r#"{"password":"***"}"#);
    }

    #[test]
    fn a_part_of_a_token_is_hidden_too() {
        let token = Secret::new("Bearer eyJhbGciOiJIUzI1NiJ9.cGF5bG9hZDEyMzQ.c2lnbmF0dXJl");
        let excerpt = Redactor::default()
            .hide_authorization(&token)
            .excerpt("bad signature c2lnbmF0dXJl of cGF5bG9hZDEyMzQ");
        assert_eq!(excerpt, "bad signature *** of ***");
    }

    #[test]
    fn text_is_cut_between_characters() {
        let text = "坡".repeat(EXCERPT_BYTES);
        let excerpt = redactor().excerpt(&text);
        assert!(excerpt.ends_with('…') && excerpt.len() <= EXCERPT_BYTES + '…'.len_utf8());
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
            let url = crate::url::Url::parse("http://h/").unwrap().with_query("password", &password);
            let redactor = Redactor::default().hide(&Secret::new(password.as_str()));
            for text in [url.path_and_query().to_string(), lower_hex(url.path_and_query())] {
                prop_assert_eq!(redactor.excerpt(&text), "/?password=***");
            }
        }

        #[test]
        fn text_without_a_secret_is_unchanged(text in ".{0,200}") {
            prop_assume!(!text.contains("eyJ"));
            prop_assert_eq!(redactor().excerpt(&text), text);
        }
    }
}
