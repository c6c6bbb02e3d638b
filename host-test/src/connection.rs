//! Connections that end at once when the request on them is given up.
//!
//! hyper writes out what it has before it closes a connection. A peer that has stopped reading takes
//! nothing, so the connection, and what was to be sent on it, would be there for as long as the peer likes.
//! A peer that has answered already is no better.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _, TryFutureExt as _};
use futures_util::task::AtomicWaker;
use http::{Extensions, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connected, Connection, capture_connection,
};
use tower_service::Service;

/// Makes connections that can be cut.
#[derive(Clone)]
pub(crate) struct Cuttable<C>(pub(crate) C);

/// A connection that can be cut.
pub(crate) struct Cut<T> {
    io: T,
    line: Arc<Line>,
}

/// What a connection and whoever may cut it share.
#[derive(Debug, Default)]
struct Line {
    is_cut: AtomicBool,
    /// The connection's own task: it reads and writes in one.
    task: AtomicWaker,
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
        (request, Self { of, is_sending: weak, is_answered: false })
    }

    pub(crate) fn answered(mut self, response: Response<Incoming>) -> Response<Answer> {
        self.is_answered = true;
        response.map(|body| Answer { body, _until: self })
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        // The connection may be another request's by now.
        if self.is_answered && self.is_sending.strong_count() == 0 {
            return;
        }
        let mut extras = Extensions::new();
        if let Some(connected) = &*self.of.connection_metadata() {
            connected.get_extras(&mut extras);
        }
        if let Some(line) = extras.get::<Arc<Line>>() {
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
        self.0.call(uri).map_ok(|io| Cut { io, line: Arc::default() }).boxed()
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
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for Cut<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
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
