//! Connections that end at once when the request on them is given up, and that tell whether a request
//! met the end of a connection that was kept for it.
//!
//! hyper writes out what it has before it closes a connection. A peer that has stopped reading takes
//! nothing, so the connection, and what was to be sent on it, would be there for as long as the peer likes.
//! A peer that has answered already is no better.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _, TryFutureExt as _};
use futures_util::task::AtomicWaker;
use http::{Extensions, HeaderMap, HeaderName, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connected, Connection, capture_connection,
};
use tower_service::Service;

use crate::runtime::Instant;

/// Makes connections that can be cut.
#[derive(Clone)]
pub(crate) struct Cuttable<C>(pub(crate) C);

/// A connection that can be cut.
pub(crate) struct Cut<T> {
    io: T,
    line: Arc<Line>,
}

/// What a connection and whoever may cut it share.
#[derive(Debug)]
struct Line {
    is_cut: AtomicBool,
    /// The connection's own task: it reads and writes in one.
    task: AtomicWaker,
    made: Instant,
    talk: Mutex<Talk>,
}

/// How much is read of a response at first: all of most.
const FIRST_READ: usize = 4096;

/// What went over a connection.
#[derive(Debug)]
struct Talk {
    /// Whether a request on it was answered.
    has_answered: bool,
    /// When the last byte came.
    heard: Instant,
    /// Whether nothing came since the last attempt to write.
    is_unanswered: bool,
    /// How long the server keeps it after a response, where it says so.
    kept_for: Option<Duration>,
}

/// A request's body, which lives until the client has taken all of it.
pub(crate) struct Sending<B> {
    body: B,
    _is_sending: Arc<()>,
}

/// An answer's body. Dropped while its request is still being sent, it cuts the connection.
pub(crate) struct Answer {
    body: Incoming,
    _until: Until,
}

/// Cuts the connection of a request, unless it was sent and answered before.
pub(crate) struct Until {
    begun: Instant,
    of: CaptureConnection,
    is_sending: Weak<()>,
    is_answered: bool,
}

impl Until {
    /// The request as it is to be sent, and what is to be held until its call is over.
    pub(crate) fn over<B>(request: Request<B>) -> (Request<Sending<B>>, Self) {
        let is_sending = Arc::new(());
        let weak = Arc::downgrade(&is_sending);
        let mut request = request.map(|body| Sending { body, _is_sending: is_sending });
        let of = capture_connection(&mut request);
        (request, Self { begun: Instant::now(), of, is_sending: weak, is_answered: false })
    }

    pub(crate) fn answered(mut self, response: Response<Incoming>) -> Response<Answer> {
        self.is_answered = true;
        if let Some(line) = self.line() {
            let mut talk = line.talk();
            talk.has_answered = true;
            talk.kept_for = kept_for(response.headers());
        }
        response.map(|body| Answer { body, _until: self })
    }

    /// Whether the connection was there before the request, and ended before a byte came in response.
    pub(crate) fn met_its_end(&self) -> bool {
        self.line().is_some_and(|line| {
            let talk = line.talk();
            talk.is_unanswered && (talk.has_answered || line.made < self.begun)
        })
    }

    /// The connection that the request was given, once it was.
    fn line(&self) -> Option<Arc<Line>> {
        let mut extras = Extensions::new();
        self.of.connection_metadata().as_ref()?.get_extras(&mut extras);
        extras.remove()
    }
}

/// What `Keep-Alive: timeout=N` allows, less a margin for the way there: a second, or half of it.
fn kept_for(headers: &HeaderMap) -> Option<Duration> {
    const MARGIN: Duration = Duration::from_secs(1);
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    let values = headers.get_all(KEEP_ALIVE).into_iter().filter_map(|value| value.to_str().ok());
    let timeout = |parameter: &str| {
        let (name, seconds) = parameter.split_once('=')?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        let seconds = seconds.trim().trim_matches('"').parse::<u32>();
        is_timeout
            .then(|| seconds.ok().map(|seconds| Duration::from_secs(seconds.into())))
            .flatten()
    };
    let kept_for = values.flat_map(|value| value.split(',')).filter_map(timeout).min()?;
    Some(kept_for - MARGIN.min(kept_for / 2))
}

impl Drop for Until {
    fn drop(&mut self) {
        // The connection may be another request's by now.
        if self.is_answered && self.is_sending.strong_count() == 0 {
            return;
        }
        if let Some(line) = self.line() {
            line.is_cut.store(true, Ordering::SeqCst);
            line.task.wake();
        }
    }
}

impl<B: Body + Unpin> Body for Sending<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<C> Service<Uri> for Cuttable<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = Cut<C::Response>;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<Self::Response, C::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.0.call(uri).map_ok(|io| Cut { io, line: Arc::new(Line::new()) }).boxed()
    }
}

impl Line {
    fn new() -> Self {
        let now = Instant::now();
        let talk = Talk { has_answered: false, heard: now, is_unanswered: false, kept_for: None };
        let talk = Mutex::new(talk);
        Self { is_cut: AtomicBool::new(false), task: AtomicWaker::new(), made: now, talk }
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Talk {
    /// A server that has said how long it keeps a connection has closed it after that, or is about to: no
    /// request is written to it.
    fn write(&mut self) -> io::Result<()> {
        let is_next = !self.is_unanswered;
        self.is_unanswered = true;
        if is_next && self.kept_for.is_some_and(|kept_for| self.heard.elapsed() >= kept_for) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn answered(&mut self) {
        self.is_unanswered = false;
        self.heard = Instant::now();
    }
}

impl<T> Cut<T> {
    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        self.line.task.register(context.waker());
        if self.line.is_cut.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl<T: Connection> Connection for Cut<T> {
    fn connected(&self) -> Connected {
        self.io.connected().extra(Arc::clone(&self.line))
    }
}

impl<T: Read + Unpin> Read for Cut<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        if !self.line.talk().is_unanswered {
            let read = Pin::new(&mut self.io).poll_read(context, buffer);
            if read.is_ready() {
                self.line.talk().heard = Instant::now();
            }
            return read;
        }
        // What a cursor was given cannot be seen from here.
        let mut first = [MaybeUninit::uninit(); FIRST_READ];
        let room = FIRST_READ.min(buffer.remaining());
        let mut first = ReadBuf::uninit(first.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.io).poll_read(context, first.unfilled()))?;
        if !first.filled().is_empty() {
            self.line.talk().answered();
            buffer.put_slice(first.filled());
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for Cut<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        self.line.talk().write()?;
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        self.line.talk().write()?;
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;
    use crate::HttpClient;

    #[test]
    fn what_keep_alive_says_is_read_less_a_margin() {
        let seconds = |text: &'static str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("keep-alive"),
                http::HeaderValue::from_static(text),
            )]);
            kept_for(&headers).map(|kept_for| kept_for.as_secs_f64())
        };
        for (text, expected) in [
            ("timeout=5, max=100", Some(4.0)),
            ("max=100,Timeout = 60", Some(59.0)),
            ("timeout=\"2\"", Some(1.0)),
            ("timeout=1", Some(0.5)),
            ("timeout=0", Some(0.0)),
            ("timeout=5, timeout=3", Some(2.0)),
            ("timeout=-1", None),
            ("timeout=99999999999999", None),
            ("max=5", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    const PIECE: usize = 64 << 10;
    /// So many are more than all buffers on the way hold.
    const PIECES: usize = 1000;

    #[tokio::test]
    async fn a_peer_that_answered_and_stopped_reading_is_left_once_the_answer_is_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (dropped, is_dropped) = oneshot::channel::<()>();
        let peer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 1000]).await.unwrap();
            stream.write_all(b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            is_dropped.await.unwrap();
            // What is still on the way, and then its end, however that is told.
            let (mut taken, mut buffer) = (0, vec![0; 1 << 20]);
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                taken += read;
            }
            taken
        };
        let caller = async {
            let pieces = (0..PIECES).map(|_| Ok(Frame::data(Bytes::from_static(&[0; PIECE]))));
            let body = StreamBody::new(stream::iter(pieces)).boxed_unsync();
            let request = Request::post(url).body(body).unwrap();
            let answer = HttpClient::new(None).unwrap().send(request).await.unwrap();
            assert_eq!(answer.status(), 503);
            let mut body = answer.into_body();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "{}");
            drop(body);
            dropped.send(()).unwrap();
        };
        let (taken, ()) = tokio::join!(peer, caller);
        assert!(taken < PIECES / 2 * PIECE, "{taken} bytes were sent for nothing");
    }
}
