//! Joins a body that arrives in buffer, without a buffer that doubles.

use alloc::vec::Vec;

/// The largest piece that is allocated here. Its unused part at the end of a body is wasted.
const MAX_PIECE_BYTES: usize = 1 << 20;

/// The buffer of a body. Together with the joined body they take at most twice its length plus 1 MiB.
/// A buffer that doubles takes up to four times its length, with the copies and the holes that it leaves.
#[derive(Default)]
pub struct BodyBuffer {
    buffer: Vec<Vec<u8>>,
    length: usize,
}

impl BodyBuffer {
    /// Returns how many bytes have arrived.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Adds a chunk. The first one is kept without a copy, because most bodies have only one.
    pub fn push(&mut self, chunk: Vec<u8>) {
        self.length += chunk.len();
        let Some(mut last) = self.buffer.pop() else {
            return self.buffer.push(chunk);
        };
        let mut rest = &chunk[..];
        loop {
            let room = last.capacity() - last.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            last.extend_from_slice(now);
            self.buffer.push(last);
            if later.is_empty() {
                return;
            }
            rest = later;
            last = Vec::with_capacity(self.length.min(MAX_PIECE_BYTES));
        }
    }

    /// Allocates one piece for a body of this length, so that joining it needs no copy.
    pub fn expect(&mut self, length: usize) {
        if length > self.length {
            let mut whole = Vec::with_capacity(length);
            self.buffer.drain(..).for_each(|piece| whole.extend_from_slice(&piece));
            self.buffer.push(whole);
        }
    }

    /// Returns the whole body.
    #[must_use]
    pub fn join(mut self) -> Vec<u8> {
        if self.buffer.len() > 1 {
            self.buffer.concat()
        } else {
            self.buffer.pop().unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// Pushes `body` in chunks of `size`. Returns the buffer and how many bytes they have allocated.
    fn arrive(mut buffer: BodyBuffer, body: &[u8], size: usize) -> (BodyBuffer, usize) {
        for chunk in body.chunks(size) {
            buffer.push(chunk.to_vec());
        }
        let held = buffer.buffer.iter().map(Vec::capacity).sum();
        (buffer, held)
    }

    #[test]
    fn a_chunked_body_takes_at_most_one_piece_more_than_its_length() {
        let body: Vec<u8> = (0..=250).cycle().take((3 << 20) + 17).collect();
        for size in [1, 2, 999, 4096, 65_536, 100_000, 1 << 20, 2 << 20, 4 << 20] {
            let (buffer, held) = arrive(BodyBuffer::default(), &body, size);
            assert!(held <= body.len() + MAX_PIECE_BYTES, "{held} bytes in chunks of {size}");
            assert_eq!(buffer.length(), body.len());
            assert!(buffer.join() == body, "chunks of {size}");
        }
    }

    #[test]
    fn a_small_body_takes_no_more_than_twice_its_length() {
        let (buffer, held) = arrive(BodyBuffer::default(), &[7; 3000], 1000);
        assert!(held <= 6000, "{held}");
        assert_eq!(buffer.join(), [7; 3000]);
    }

    #[test]
    fn a_body_in_one_piece_is_not_copied() {
        let body = vec![1, 2, 3];
        let at = body.as_ptr();
        let mut buffer = BodyBuffer::default();
        buffer.push(body);
        let body = buffer.join();
        assert_eq!((body.len(), body.as_ptr()), (3, at));
    }

    #[test]
    fn a_body_of_known_length_is_joined_without_a_copy() {
        let mut buffer = BodyBuffer::default();
        buffer.push(vec![1; 10]);
        buffer.expect(5000);
        let at = buffer.buffer[0].as_ptr();
        let (buffer, held) = arrive(buffer, &[2; 4990], 100);
        assert_eq!(held, 5000);
        let body = buffer.join();
        assert_eq!((body.len(), body.as_ptr()), (5000, at));
    }

    #[test]
    fn a_wrong_expected_length_loses_no_bytes() {
        for length in [0, 5, 20, 5000] {
            let mut buffer = BodyBuffer::default();
            buffer.push(vec![1; 10]);
            buffer.expect(length);
            let (buffer, _) = arrive(buffer, &[2; 100], 30);
            assert_eq!(buffer.join(), [vec![1; 10], vec![2; 100]].concat(), "{length}");
        }
    }

    #[test]
    fn no_pieces_join_to_an_empty_body() {
        assert!(BodyBuffer::default().join().is_empty());
    }
}
