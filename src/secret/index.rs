//! Finds pieces of secrets in a text. Takes time linear in the secrets and the text.

#[cfg(test)]
use core::cell::Cell;

use alloc::vec::Vec;

use zeroize::Zeroizing;

/// The length of the pieces that secrets are indexed by. A piece of this length cut out anywhere is found.
pub(super) const PIECE_BYTES: usize = 12;

/// The fewest bytes before a `…` that count as the start of a secret.
const MIN_CUT_BYTES: usize = 3;

/// The shortest part of a token that is found by itself. Shorter ones occur in ordinary texts.
const PART_BYTES: usize = 8;

/// Marks the place where a text was cut.
pub(super) const CUT: &str = "…";

/// A slot without a piece.
const FREE: u32 = 0;
/// Flag of a slot with a piece.
const WHOLE: u32 = 1;
/// Flag of a slot with a piece whose first byte does not belong to the secret.
const AFTER_FIRST: u32 = 2;

/// How many slots are tried for a piece. Half of the slots are free, so only crafted secrets need more.
const MAX_PROBES: usize = 64;

/// A hash set of all pieces of all secrets.
///
/// A secret of [`PIECE_BYTES`] or more is indexed by each piece of that length, and overlapping pieces cover a
/// longer match. A shorter secret is indexed as one piece.
pub(super) struct Index {
    /// One bit for each length that some piece has.
    lengths: u16,
    /// The same for pieces that are the start of a secret followed by [`CUT`].
    cuts: u16,
    /// Wiped, because short secrets can be found out from all slots.
    slots: Zeroizing<Vec<u32>>,
    /// Whether a piece had no slot. If so, every piece of a text counts as a piece of a secret.
    is_full: bool,
    /// How many slots were examined.
    #[cfg(test)]
    pub(super) probes: Cell<usize>,
}

impl Index {
    /// Returns an index with room for secrets of these lengths in bytes.
    pub(super) fn with_room_for(lengths: impl Iterator<Item = usize>) -> Self {
        // Each byte starts at most one piece and ends at most one part. The rest is for cuts.
        let pieces: usize = lengths.map(|length| length + length / PART_BYTES + PIECE_BYTES).sum();
        Self {
            lengths: 0,
            cuts: 0,
            slots: Zeroizing::new(alloc::vec![0; (2 * pieces).next_power_of_two()]),
            is_full: false,
            #[cfg(test)]
            probes: Cell::new(0),
        }
    }

    /// Adds a password or a secret.
    pub(super) fn add(&mut self, secret: &str) {
        self.add_pieces(secret, usize::MAX);
        for length in MIN_CUT_BYTES..secret.len().min(PIECE_BYTES) {
            let cut = secret.bytes().take(length).chain(CUT.bytes());
            self.insert(pieces(cut, length, CUT.len()), WHOLE);
            self.cuts |= bit(length);
        }
    }

    /// Adds the value of an `Authorization` header: the whole value, the token without its scheme, and each
    /// part of the token.
    pub(super) fn add_authorization(&mut self, whole: &str) {
        let (scheme, token) = whole.split_once(' ').unwrap_or(("", whole));
        let token = token.trim_start();
        self.add(token);
        self.add_pieces(whole, scheme.len());
        // A blank before the bare token belongs to the text, not to the secret.
        self.insert(pieces(whole.bytes(), PIECE_BYTES, 0).skip(scheme.len()).take(1), AFTER_FIRST);
        for part in token.split('.').filter(|part| part.len() >= PART_BYTES) {
            self.add_pieces(part, 1);
        }
    }

    /// Adds the first `count` pieces of a secret.
    fn add_pieces(&mut self, secret: &str, count: usize) {
        let length = secret.len().min(PIECE_BYTES);
        if length > 0 && count > 0 {
            self.insert(pieces(secret.bytes(), length, 0).take(count), WHOLE);
            self.lengths |= bit(length);
        }
    }

    fn insert(&mut self, pieces: impl Iterator<Item = u64>, flag: u32) {
        for piece in pieces {
            match self.probe(piece) {
                Some((at, FREE)) => {
                    if let Some(slot) = self.slots.get_mut(at) {
                        *slot = print(piece) | flag;
                    }
                }
                Some(_) => {}
                None => self.is_full = true,
            }
        }
    }

    /// Calls `found` with the start and the end of each piece of a secret in the text, ordered by the length
    /// of the pieces.
    pub(super) fn find(
        &self,
        text: impl Iterator<Item = u8> + Clone,
        mut found: impl FnMut(usize, usize),
    ) {
        let has_cut = text.clone().any(|byte| CUT.bytes().next() == Some(byte));
        let cuts = if has_cut { self.cuts } else { 0 };
        for (lengths, beyond) in [(self.lengths, 0), (cuts, CUT.len())] {
            for length in (1..=PIECE_BYTES).filter(|length| lengths & bit(*length) != 0) {
                for (at, piece) in pieces(text.clone(), length, beyond).enumerate() {
                    match self.probe(piece) {
                        None | Some((_, FREE)) if !self.is_full => {}
                        Some((_, slot)) if slot & AFTER_FIRST != 0 => found(at + 1, at + length),
                        _ => found(at, at + length),
                    }
                }
            }
        }
    }

    /// Returns the place of a piece's slot and its content, [`FREE`] or the piece. `None` if no slot is left.
    fn probe(&self, piece: u64) -> Option<(usize, u32)> {
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are a hash too")]
        let mut at = piece as usize & mask;
        for step in 1..=MAX_PROBES {
            #[cfg(test)]
            self.probes.set(self.probes.get() + 1);
            match self.slots.get(at) {
                Some(&slot) if slot == FREE || slot | AFTER_FIRST == print(piece) | AFTER_FIRST => {
                    return Some((at, slot));
                }
                _ => at = (at + step) & mask,
            }
        }
        None
    }
}

// A piece, the bytes after it and a byte for the lengths of both fit in one number of 16 bytes.
const _: () = assert!(PIECE_BYTES + CUT.len() < 16);

const fn bit(length: usize) -> u16 {
    1 << length
}

/// Returns the hash of each window of `length` bytes and the `beyond` bytes after it.
fn pieces(
    text: impl Iterator<Item = u8>,
    length: usize,
    beyond: usize,
) -> impl Iterator<Item = u64> {
    let mask = !(u128::MAX << (8 * (length + beyond)));
    let lengths = ((length | beyond << 4) as u128) << 120;
    let windows = text.scan(0, move |window, byte| {
        *window = (*window << 8 | u128::from(plain(byte))) & mask;
        Some(*window)
    });
    windows.skip(length + beyond - 1).map(move |window| hash(window | lengths))
}

/// Mixes all bits. The factors are fractions of the square roots of 2, 3 and 5: odd, without a pattern.
#[expect(clippy::cast_possible_truncation, reason = "both halves are hashed")]
const fn hash(piece: u128) -> u64 {
    let low = (piece as u64).wrapping_mul(0x6a09_e667_f3bc_c909);
    let high = ((piece >> 64) as u64).wrapping_mul(0xbb67_ae85_84ca_a73b);
    let hash = low.rotate_left(32) ^ high;
    let hash = (hash ^ hash >> 29).wrapping_mul(0x3c6e_f372_fe94_f82b);
    hash ^ hash >> 32
}

/// Returns what a slot stores of a piece: bits that do not decide its place, and room for two flags.
const fn print(piece: u64) -> u32 {
    (piece >> 32) as u32 & !AFTER_FIRST | WHOLE
}

/// Maps bytes that count as equal to one: upper and lower case, the two alphabets of base64, and a blank and
/// the `+` that forms write for it.
const fn plain(byte: u8) -> u8 {
    match byte {
        b'+' | b' ' => b'-',
        b'/' => b'_',
        byte => byte.to_ascii_lowercase(),
    }
}
