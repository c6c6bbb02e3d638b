//! Hides secrets in untrusted text.

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::index::{CUT, Index, PIECE_BYTES};
use super::spelling::{CODES, LAYERS, MAX_SPELLING_BYTES, Seen, as_it_is, decoded};
use super::{Secret, prefix};
use crate::settings::list::NAMES;

/// How much platform text an error or a log line may carry, in bytes.
pub const EXCERPT_BYTES: usize = 2048;

/// How far a piece of a secret that begins before the cut may reach behind it, in any spelling.
const LOOKAHEAD_BYTES: usize = PIECE_BYTES * MAX_SPELLING_BYTES;

/// A shorter match counts only as a whole word, because a text such as `oge` is part of many words.
const MIN_PART_BYTES: usize = 8;

/// Hides secrets in untrusted text: a whole secret, a piece of at least twelve bytes, or the start of one
/// before a `…`; in upper or lower case, percent-encoded, escaped as in JSON, or both in two layers. A secret
/// of fewer than eight bytes is hidden if it is a whole word. What is directly beside a hidden piece, may belong to a
/// token and has fewer than twelve bytes is hidden with it. The names of settings are kept.
///
/// Other codes (HTML, base64, a hash, …) and shorter pieces are not recognized.
///
/// The search is prepared only when a text is shown, because most calls show none.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
    authorizations: Vec<Secret>,
}

impl Redactor {
    /// Also hides `secret`.
    #[must_use]
    pub fn hide(mut self, secret: &Secret) -> Self {
        if !self.secrets.contains(secret) {
            self.secrets.push(secret.clone());
        }
        self
    }

    /// Also hides the value of an `Authorization` header: the whole value, the token without its scheme, and
    /// each part of the token.
    #[must_use]
    pub fn hide_authorization(mut self, value: &Secret) -> Self {
        if !self.authorizations.contains(value) {
            self.authorizations.push(value.clone());
        }
        self
    }

    /// Prepares a search for the secrets, for any number of texts.
    #[must_use]
    pub fn search(&self) -> Search {
        let all = self.secrets.iter().chain(&self.authorizations);
        let mut index = Index::with_room_for(all.map(|secret| secret.expose().len()));
        self.secrets.iter().for_each(|secret| index.add(secret.expose()));
        self.authorizations.iter().for_each(|value| index.add_authorization(value.expose()));
        Search(index)
    }

    /// Like [`Search::excerpt`], for one text.
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        self.search().excerpt(text)
    }

    /// Like [`Search::start_of`], for one text.
    #[must_use]
    pub fn start_of(&self, text: &str, limit: usize) -> String {
        self.search().start_of(text, limit)
    }
}

/// A prepared search for the secrets of a [`Redactor`].
pub struct Search(Index);

impl Search {
    /// Returns the start of `text`, at most [`EXCERPT_BYTES`], with `***` in place of each secret.
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        self.start_of(text, EXCERPT_BYTES)
    }

    /// Returns the start of `text`, at most `limit` bytes, with `***` in place of each secret.
    ///
    /// Examines little more than twice the limit, because a secret is usually longer than `***`.
    #[must_use]
    pub fn start_of(&self, text: &str, limit: usize) -> String {
        let examined = prefix(text, 2 * limit + LOOKAHEAD_BYTES);
        let shown = prefix(text, 2 * limit);
        let mut hidden = alloc::vec![false; examined.len()];
        look(&as_it_is(examined), LAYERS, &self.0, &mut hidden);
        hide_remains(examined.as_bytes(), &mut hidden);
        show_settings(examined, &mut hidden);
        let mut out = String::new();
        let mut rest = shown;
        for run in hidden.chunk_by(|one, next| one == next) {
            let (part, after) = rest.split_at(prefix(rest, run.len()).len());
            let is_hidden = run.first() == Some(&true) && !part.is_empty();
            out.push_str(if is_hidden { "***" } else { part });
            rest = after;
        }
        let is_cut = out.len() > limit || shown.len() < text.len();
        out.truncate(prefix(&out, limit).len());
        if is_cut {
            out.push_str(CUT);
        }
        out
    }
}

/// Also hides what is directly beside a hidden piece and too short to be found by itself. Tokens of one account share
/// pieces, so a guest that knows one token would leave remains of another that its host cannot find.
fn hide_remains(text: &[u8], hidden: &mut [bool]) {
    for piece in long_runs(hidden) {
        if is_part_byte(text.get(piece.end - 1)) && is_word_byte(text.get(piece.end)) {
            let after = text.iter().zip(&*hidden).skip(piece.end);
            let end = piece.end + length_of_remains(after);
            hidden.get_mut(piece.end..end).unwrap_or_default().fill(true);
        }
        let before = text.get(..piece.start).unwrap_or_default();
        if is_part_byte(text.get(piece.start)) && is_word_byte(before.last()) {
            let start = piece.start - length_of_remains(before.iter().zip(&*hidden).rev());
            // The first letter after a backslash belongs to an escape.
            if before.get(..start).and_then(<[u8]>::last) != Some(&b'\\') {
                hidden.get_mut(start..piece.start).unwrap_or_default().fill(true);
            }
        }
    }
}

/// Returns the runs of hidden bytes that are as long as a piece.
fn long_runs(hidden: &[bool]) -> Vec<Range<usize>> {
    let mut end = 0;
    let runs = hidden.chunk_by(|one, next| one == next).map(|run| {
        end += run.len();
        (run.first() == Some(&true) && run.len() >= PIECE_BYTES).then(|| end - run.len()..end)
    });
    runs.flatten().collect()
}

/// Returns how many bytes at the start of `beside` may be remains of a token. Zero if they are enough to be found.
fn length_of_remains<'a>(beside: impl Iterator<Item = (&'a u8, &'a bool)>) -> usize {
    let in_token = |byte: &u8| is_part_byte(Some(byte)) || b"~+/=%".contains(byte);
    let remains = beside.take_while(|(byte, is_hidden)| !**is_hidden && in_token(byte));
    Some(remains.take(PIECE_BYTES).count()).filter(|count| *count < PIECE_BYTES).unwrap_or(0)
}

/// A match may begin or end with a blank or a slash of the text, which is not part of the token.
fn is_part_byte(byte: Option<&u8>) -> bool {
    is_word_byte(byte) || byte == Some(&b'.')
}

fn is_word_byte(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Marks every byte of a text that is part of the spelling of a secret.
fn look(text: &[Seen], layers: usize, index: &Index, hidden: &mut [bool]) {
    index.find(text.iter().map(|seen| seen.meant), |start, end| {
        if (end - start >= MIN_PART_BYTES || is_word(text, start, end))
            && let (Some(first), Some(last)) = (text.get(start), text.get(end - 1))
            && let Some(hidden) = hidden.get_mut(first.start..last.end)
        {
            hidden.fill(true);
        }
    });
    if let Some(layers) = layers.checked_sub(1) {
        for code in CODES {
            if let Some(text) = decoded(text, code) {
                look(&text, layers, index, hidden);
            }
        }
    }
}

/// Returns whether this part of a text is a whole word: no letter, digit or underscore is directly before or
/// after it, or the text is cut after it.
fn is_word(text: &[Seen], start: usize, end: usize) -> bool {
    let after = text.get(end..).unwrap_or_default().iter().map(|seen| seen.meant);
    if after.take(CUT.len()).eq(CUT.bytes()) {
        return true;
    }
    let is_free = |seen: Option<&Seen>| {
        seen.is_none_or(|seen| !seen.meant.is_ascii_alphanumeric() && seen.meant != b'_')
    };
    is_free(start.checked_sub(1).and_then(|before| text.get(before))) && is_free(text.get(end))
}

/// Unmarks the names of settings, which our own messages contain: a password may be `password`.
fn show_settings(text: &str, hidden: &mut [bool]) {
    for (start, _) in text.match_indices("OGE_") {
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(|character: char| !character.is_ascii_uppercase() && character != '_');
        let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if NAMES.iter().any(|names| names.contains(&name))
            && let Some(hidden) = hidden.get_mut(start..start + name.len())
        {
            hidden.fill(false);
        }
    }
}
