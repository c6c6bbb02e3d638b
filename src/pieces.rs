//! A body that arrives in pieces, put together with no buffer that doubles.

use alloc::vec::Vec;

/// The largest piece made here; what it does not use at a body's end is wasted.
const MAX_PIECE_BYTES: usize = 1 << 20;

/// The pieces of a body. Together with the joined body they take twice its length and 1 MiB at
/// most. A buffer that doubles takes up to four times as much: two of itself, and the holes that it left.
#[derive(Default)]
pub struct Pieces {
    pieces: Vec<Vec<u8>>,
    length: usize,
}

impl Pieces {
    /// How much has arrived.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Adds what has arrived. The first is kept as it is: most bodies come in one.
    pub fn push(&mut self, chunk: Vec<u8>) {
        self.length += chunk.len();
        let Some(mut last) = self.pieces.pop() else {
            return self.pieces.push(chunk);
        };
        let mut rest = &chunk[..];
        loop {
            let room = last.capacity() - last.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            last.extend_from_slice(now);
            self.pieces.push(last);
            if later.is_empty() {
                return;
            }
            rest = later;
            last = Vec::with_capacity(self.length.min(MAX_PIECE_BYTES));
        }
    }

    /// Makes room for a body of this length, so that it is joined already when it has arrived.
    pub fn expect(&mut self, length: usize) {
        if length > self.length {
            let mut whole = Vec::with_capacity(length);
            self.pieces.drain(..).for_each(|piece| whole.extend_from_slice(&piece));
            self.pieces.push(whole);
        }
    }

    /// The body.
    #[must_use]
    pub fn join(mut self) -> Vec<u8> {
        if self.pieces.len() > 1 {
            self.pieces.concat()
        } else {
            self.pieces.pop().unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// A body in chunks of `size`, and the most that was held of it at one time while it arrived.
    fn arrive(mut pieces: Pieces, body: &[u8], size: usize) -> (Pieces, usize) {
        for chunk in body.chunks(size) {
            pieces.push(chunk.to_vec());
        }
        let held = pieces.pieces.iter().map(Vec::capacity).sum();
        (pieces, held)
    }

    #[test]
    fn a_body_is_whole_and_takes_its_length_however_it_arrives() {
        let body: Vec<u8> = (0..=250).cycle().take((3 << 20) + 17).collect();
        for size in [1, 2, 999, 4096, 65_536, 100_000, 1 << 20, 2 << 20, 4 << 20] {
            let (pieces, held) = arrive(Pieces::default(), &body, size);
            assert!(held <= body.len() + MAX_PIECE_BYTES, "{held} bytes in chunks of {size}");
            assert_eq!(pieces.length(), body.len());
            assert!(pieces.join() == body, "chunks of {size}");
        }
    }

    #[test]
    fn a_small_body_takes_no_more_than_twice_its_length() {
        let (pieces, held) = arrive(Pieces::default(), &[7; 3000], 1000);
        assert!(held <= 6000, "{held}");
        assert_eq!(pieces.join(), [7; 3000]);
    }

    #[test]
    fn a_body_in_one_piece_is_not_copied() {
        let body = vec![1, 2, 3];
        let at = body.as_ptr();
        let mut pieces = Pieces::default();
        pieces.push(body);
        let body = pieces.join();
        assert_eq!((body.len(), body.as_ptr()), (3, at));
    }

    #[test]
    fn a_body_of_known_length_is_never_there_twice() {
        let mut pieces = Pieces::default();
        pieces.push(vec![1; 10]);
        pieces.expect(5000);
        let at = pieces.pieces[0].as_ptr();
        let (pieces, held) = arrive(pieces, &[2; 4990], 100);
        assert_eq!(held, 5000);
        let body = pieces.join();
        assert_eq!((body.len(), body.as_ptr()), (5000, at));
    }

    #[test]
    fn a_length_that_is_not_true_loses_nothing() {
        for length in [0, 5, 20, 5000] {
            let mut pieces = Pieces::default();
            pieces.push(vec![1; 10]);
            pieces.expect(length);
            let (pieces, _) = arrive(pieces, &[2; 100], 30);
            assert_eq!(pieces.join(), [vec![1; 10], vec![2; 100]].concat(), "{length}");
        }
    }

    #[test]
    fn nothing_is_empty() {
        assert!(Pieces::default().join().is_empty());
    }
}
