//! Connections that close at once when their request is dropped, and that detect whether a kept connection
//! ended before its request got a response.
//!
//! hyper flushes its buffers before it closes a connection. If the peer has stopped reading, even after it
//! has responded, that keeps the connection and its unsent data for as long as the peer wants.

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
use tokio::time::Instant;
use tower_service::Service;

/// A connector whose connections can be cut.
#[derive(Clone)]
pub(crate) struct Cuttable<C>(pub(crate) C);

/// A connection that can be cut.
pub(crate) struct Cut<T> {
    io: T,
    shared: Arc<Shared>,
}

/// The state that a connection shares with its request.
#[derive(Debug)]
struct Shared {
    is_cut: AtomicBool,
    /// The task that reads and writes the connection.
    task: AtomicWaker,
    made: Instant,
    traffic: Mutex<Traffic>,
}

/// The size of the first read of a response. Most responses are smaller.
const FIRST_READ: usize = 4096;

/// What was sent and received on a connection.
#[derive(Debug)]
struct Traffic {
    /// Whether a request on it got a response.
    has_responded: bool,
    /// When the last byte was received.
    last_read: Instant,
    /// Whether nothing was received since the last attempt to write.
    awaits_response: bool,
    /// How long the server keeps the connection after a response, if it announced that.
    kept_for: Option<Duration>,
}

/// A request's body. hyper drops it when it has read all of it.
pub(crate) struct RequestBody<B> {
    body: B,
    _is_sending: Arc<()>,
}

/// A response's body. Dropping it while its request is still being sent cuts the connection.
pub(crate) struct ResponseBody {
    body: Incoming,
    _until: CutOnDrop,
}

/// Cuts the connection of a request on drop, unless the request was sent completely and got a response.
pub(crate) struct CutOnDrop {
    begun: Instant,
    connection: CaptureConnection,
    is_sending: Weak<()>,
    is_answered: bool,
}

impl CutOnDrop {
    /// Returns the request to send, and the guard to hold until the call is over.
    pub(crate) fn over<B>(request: Request<B>) -> (Request<RequestBody<B>>, Self) {
        let is_sending = Arc::new(());
        let weak = Arc::downgrade(&is_sending);
        let mut request = request.map(|body| RequestBody { body, _is_sending: is_sending });
        let connection = capture_connection(&mut request);
        (request, Self { begun: Instant::now(), connection, is_sending: weak, is_answered: false })
    }

    /// Records the response, whose body then holds the guard.
    pub(crate) fn answered(mut self, response: Response<Incoming>) -> Response<ResponseBody> {
        self.is_answered = true;
        if let Some(shared) = self.shared() {
            let mut traffic = shared.traffic();
            traffic.has_responded = true;
            traffic.kept_for = kept_for(response.headers());
        }
        response.map(|body| ResponseBody { body, _until: self })
    }

    /// Returns whether the connection is older than the request and ended before the first byte of a response.
    pub(crate) fn met_its_end(&self) -> bool {
        self.shared().is_some_and(|shared| {
            let traffic = shared.traffic();
            traffic.awaits_response && (traffic.has_responded || shared.made < self.begun)
        })
    }

    /// Returns the connection of the request, if it has one yet.
    fn shared(&self) -> Option<Arc<Shared>> {
        let mut extras = Extensions::new();
        self.connection.connection_metadata().as_ref()?.get_extras(&mut extras);
        extras.remove()
    }
}

/// Returns the N seconds of `Keep-Alive: timeout=N` minus a margin for the network: one second, at most N/2.
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

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        // Another request may use the connection by now.
        if self.is_answered && self.is_sending.strong_count() == 0 {
            return;
        }
        if let Some(shared) = self.shared() {
            shared.is_cut.store(true, Ordering::SeqCst);
            shared.task.wake();
        }
    }
}

impl<B: Body + Unpin> Body for RequestBody<B> {
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

impl Body for ResponseBody {
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
        self.0.call(uri).map_ok(|io| Cut { io, shared: Arc::new(Shared::new()) }).boxed()
    }
}

impl Shared {
    fn new() -> Self {
        let now = Instant::now();
        let traffic = Traffic {
            has_responded: false,
            last_read: now,
            awaits_response: false,
            kept_for: None,
        };
        let traffic = Mutex::new(traffic);
        Self { is_cut: AtomicBool::new(false), task: AtomicWaker::new(), made: now, traffic }
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Traffic {
    /// Records a write. Fails if a new request would start after the time for which the server keeps the
    /// connection.
    fn write(&mut self) -> io::Result<()> {
        let is_next = !self.awaits_response;
        self.awaits_response = true;
        if is_next && self.kept_for.is_some_and(|kept_for| self.last_read.elapsed() >= kept_for) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// Records that bytes were received.
    fn answered(&mut self) {
        self.awaits_response = false;
        self.last_read = Instant::now();
    }
}

impl<T> Cut<T> {
    /// Fails if the connection was cut, and registers the task to be woken when it is.
    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        self.shared.task.register(context.waker());
        if self.shared.is_cut.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl<T: Connection> Connection for Cut<T> {
    fn connected(&self) -> Connected {
        self.io.connected().extra(Arc::clone(&self.shared))
    }
}

impl<T: Read + Unpin> Read for Cut<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        if !self.shared.traffic().awaits_response {
            let read = Pin::new(&mut self.io).poll_read(context, buffer);
            if read.is_ready() {
                self.shared.traffic().last_read = Instant::now();
            }
            return read;
        }
        // `ReadBufCursor` does not show whether bytes were read, so read into a buffer of our own.
        let mut first = [MaybeUninit::uninit(); FIRST_READ];
        let room = FIRST_READ.min(buffer.remaining());
        let mut first = ReadBuf::uninit(first.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.io).poll_read(context, first.unfilled()))?;
        if !first.filled().is_empty() {
            self.shared.traffic().answered();
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
        self.shared.traffic().write()?;
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
        self.shared.traffic().write()?;
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
    fn the_keep_alive_timeout_is_read_minus_a_margin() {
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
    /// More than all buffers between the client and the server hold.
    const PIECES: usize = 1000;

    #[tokio::test]
    async fn dropping_the_response_cuts_a_request_that_is_being_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (dropped, is_dropped) = oneshot::channel::<()>();
        let peer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 1000]).await.unwrap();
            stream.write_all(b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            is_dropped.await.unwrap();
            // Read what is still in transit until the connection ends, by a close or an error.
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
            let response = HttpClient::new(None).unwrap().send(request).await.unwrap();
            assert_eq!(response.status(), 503);
            let mut body = response.into_body();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "{}");
            drop(body);
            dropped.send(()).unwrap();
        };
        let (taken, ()) = tokio::join!(peer, caller);
        assert!(taken < PIECES / 2 * PIECE, "{taken} bytes were sent");
    }
}
