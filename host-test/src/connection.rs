//! Connections that end at once when the request on them is given up.
//!
//! hyper writes out what it has before it closes a connection. A peer that has stopped reading takes
//! nothing, so the connection, and what was to be sent on it, would be there for as long as the peer likes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt as _, TryFutureExt as _};
use futures_util::task::AtomicWaker;
use http::{Extensions, Request, Uri};
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

/// Cuts the connection of a request, unless the request is over before.
pub(crate) struct Until(Option<CaptureConnection>);

impl Until {
    /// To be held while the request is under way.
    pub(crate) fn over<B>(request: &mut Request<B>) -> Self {
        Self(Some(capture_connection(request)))
    }

    pub(crate) fn reached(mut self) {
        self.0 = None;
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        let mut extras = Extensions::new();
        if let Some(of) = &self.0
            && let Some(connected) = &*of.connection_metadata()
        {
            connected.get_extras(&mut extras);
        }
        if let Some(line) = extras.get::<Arc<Line>>() {
            line.is_cut.store(true, Ordering::SeqCst);
            line.task.wake();
        }
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
