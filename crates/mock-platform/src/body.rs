//! Response bodies: whole, slow, incomplete or huge.

use std::convert::Infallible;
use std::iter;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::Frame;

/// A body: its bytes at once, or a stream.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

const HUGE_HEAD: &[u8] = br#"{"code":20000,"msg":"ok","data":""#;
const HUGE_TAIL: &[u8] = b"\"}";
static PADDING: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Returns a body that is sent at once.
pub(crate) fn whole(bytes: Bytes) -> Body {
    Either::Left(Full::new(bytes))
}

/// Returns a body that is sent one byte at a time, each after `every`.
pub(crate) fn dripped(bytes: Bytes, every: Duration) -> Body {
    streamed(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(every).await;
        let next = rest.split_to(1);
        Some((next, rest))
    }))
}

/// Returns a body that sends the first half of these bytes and never ends.
pub(crate) fn stuck(mut bytes: Bytes) -> Body {
    let half = bytes.split_to(bytes.len() / 2);
    streamed(stream::iter([half]).chain(stream::pending()))
}

/// Returns valid JSON of `length` bytes, at least 35.
pub(crate) fn huge(length: usize) -> Body {
    let padding = length.saturating_sub(HUGE_HEAD.len() + HUGE_TAIL.len());
    let (chunks, rest) = (padding / PADDING.len(), padding % PADDING.len());
    let chunk = Bytes::from_static(&PADDING);
    let rest = chunk.slice(..rest);
    let chunks = iter::once(Bytes::from_static(HUGE_HEAD))
        .chain(iter::repeat_n(chunk, chunks))
        .chain([rest, Bytes::from_static(HUGE_TAIL)])
        .filter(|chunk| !chunk.is_empty());
    streamed(stream::iter(chunks))
}

fn streamed(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    let frames = chunks.map(|chunk| Ok(Frame::data(chunk)));
    Either::Right(StreamBody::new(frames).boxed_unsync())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn collect(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_huge_body_is_json_of_the_requested_length() {
        for length in [35, 36, 64 * 1024, 200_000] {
            let body = collect(huge(length)).await;
            assert_eq!(body.len(), length);
            serde_json::from_slice::<serde_json::Value>(&body).unwrap();
        }
    }

    #[tokio::test]
    async fn a_huge_body_is_json_even_if_the_length_is_too_small() {
        let body = collect(huge(0)).await;
        serde_json::from_slice::<serde_json::Value>(&body).unwrap();
    }

    #[tokio::test]
    async fn a_dripped_body_has_one_byte_per_frame() {
        let mut body = dripped("abc".into(), Duration::ZERO);
        for expected in ["a", "b", "c"] {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), expected);
        }
        assert!(body.frame().await.is_none());
    }
}
