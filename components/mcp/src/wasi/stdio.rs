//! MCP over stdio: a message a line.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use oge_tools::wasi::wait::{Deadline, Wait as _};
use rmcp::ServiceExt as _;
use rmcp::transport::async_rw::AsyncRwTransport;
use send_wrapper::SendWrapper;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use wasip2::cli::{stdin, stdout};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::reactor::{Reactor, Ready};
use super::written::Written;
use crate::server::{Server, Toolbox};

/// How long calls in flight may go on once the input has ended.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until the input ends.
///
/// # Errors
/// What broke the session.
pub async fn serve<T: Toolbox>(server: Server<T>, reactor: Reactor) -> Result<(), String> {
    let (ended, mut has_ended) = watch::channel(false);
    let transport = AsyncRwTransport::new_server(Stdin::open(ended), Stdout::open());
    let transport = Written::new(transport, &reactor.memory);
    let session = server.serve(transport).await.map_err(|error| error.to_string())?;
    let last_call = async {
        let _ = has_ended.wait_for(|ended| *ended).await;
        reactor.until(&Deadline::after(GRACE)).await;
    };
    tokio::select! {
        quit = session.waiting() => quit.map(drop).map_err(|error| error.to_string()),
        () = last_call => Ok(()),
    }
}

/// A stream of the host's and what waits for it. The pollable goes before its stream, and whoever
/// waits for the pollable goes before that.
struct Watched<S> {
    waiting: Option<Ready>,
    pollable: Option<Rc<Pollable>>,
    stream: S,
}

impl<S> Watched<S> {
    fn new(stream: S) -> SendWrapper<Self> {
        // A component has one thread.
        SendWrapper::new(Self { waiting: None, pollable: None, stream })
    }

    /// Ready once the stream is.
    fn poll_ready(
        &mut self,
        subscribe: impl FnOnce(&S) -> Pollable,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let pollable = self.pollable.get_or_insert_with(|| Rc::new(subscribe(&self.stream)));
        let waiting = self.waiting.get_or_insert_with(|| Ready::of(pollable));
        ready!(Pin::new(waiting).poll(context));
        self.waiting = None;
        Poll::Ready(())
    }
}

struct Stdin {
    input: SendWrapper<Watched<InputStream>>,
    ended: watch::Sender<bool>,
}

impl Stdin {
    fn open(ended: watch::Sender<bool>) -> Self {
        Self { input: Watched::new(stdin::get_stdin()), ended }
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = u64::try_from(buffer.remaining()).unwrap_or(u64::MAX);
        loop {
            match self.input.stream.read(most) {
                Ok(bytes) if bytes.is_empty() => {
                    ready!(self.input.poll_ready(InputStream::subscribe, context));
                }
                Ok(bytes) => {
                    buffer.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(_) => {
                    self.ended.send_replace(true);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

struct Stdout(SendWrapper<Watched<OutputStream>>);

impl Stdout {
    fn open() -> Self {
        Self(Watched::new(stdout::get_stdout()))
    }

    /// How many bytes may be written, once there is room.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            match self.0.stream.check_write() {
                Ok(0) => ready!(self.0.poll_ready(OutputStream::subscribe, context)),
                Ok(room) => return Poll::Ready(Ok(usize::try_from(room).unwrap_or(usize::MAX))),
                Err(error) => return Poll::Ready(Err(broken(&error))),
            }
        }
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = ready!(self.poll_room(context))?;
        let (now, _) = bytes.split_at(room.min(bytes.len()));
        let written = self.0.stream.write(now).map(|()| now.len());
        Poll::Ready(written.map_err(|error| broken(&error)))
    }

    /// Done once there is room again: a message is out before the next one is begun.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.stream.flush().map_err(|error| broken(&error))?;
        self.poll_room(context).map_ok(drop)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

fn broken(error: &StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}
