//! Bodies that take their time or never fit in memory.

use std::convert::Infallible;
use std::iter;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::Frame;

/// A body: all of it at once, or a stream.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

const HUGE_HEAD: &[u8] = br#"{"code":20000,"msg":"ok","data":""#;
const HUGE_TAIL: &[u8] = b"\"}";
static FILLING: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// All of it at once.
pub(crate) fn whole(bytes: Bytes) -> Body {
    Either::Left(Full::new(bytes))
}

/// A byte at a time, each after a while.
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

/// The first half of these bytes, and never the rest.
pub(crate) fn stuck(mut bytes: Bytes) -> Body {
    let half = bytes.split_to(bytes.len() / 2);
    streamed(stream::iter([half]).chain(stream::pending()))
}

/// Valid JSON of that many bytes, or of as few as it takes.
pub(crate) fn huge(length: usize) -> Body {
    let filling = length.saturating_sub(HUGE_HEAD.len() + HUGE_TAIL.len());
    let (chunks, rest) = (filling / FILLING.len(), filling % FILLING.len());
    let chunk = Bytes::from_static(&FILLING);
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
    async fn a_huge_body_is_json_of_the_length_asked_for() {
        for length in [35, 36, 64 * 1024, 200_000] {
            let body = collect(huge(length)).await;
            assert_eq!(body.len(), length);
            serde_json::from_slice::<serde_json::Value>(&body).unwrap();
        }
    }

    #[tokio::test]
    async fn a_huge_body_is_json_even_where_it_is_too_short_for_it() {
        let body = collect(huge(0)).await;
        serde_json::from_slice::<serde_json::Value>(&body).unwrap();
    }

    #[tokio::test]
    async fn a_dripped_body_is_the_same_bytes_one_a_frame() {
        let mut body = dripped("abc".into(), Duration::ZERO);
        for expected in ["a", "b", "c"] {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), expected);
        }
        assert!(body.frame().await.is_none());
    }
}
