//! MCP over stdio: one message per line.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use oge_token_store::wasi::settings;
use oge_tools::log::Event;
use oge_tools::wasi::settings::log_level;
use oge_tools::wasi::stderr;
use oge_tools::wasi::wait::{Deadline, Wait as _};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::ServerInitializeError;
use rmcp::transport::Transport;
use rmcp::{RoleServer, ServiceExt as _};
use send_wrapper::SendWrapper;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot, watch};
use wasip2::cli::{stdin, stdout};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::reactor::{Reactor, Ready};
use super::written::Written;
use crate::memory::Memory;
use crate::message::{InFlight, Lines, Refusal, normalize, parse};
use crate::server::{Server, Toolbox};

/// How long running calls may continue after the end of the input.
const GRACE: Duration = Duration::from_secs(5);
/// The largest message.
const MAX_LINE_BYTES: usize = 16 << 20;
/// The largest read.
const MAX_READ_BYTES: u64 = 64 << 10;

/// Serves until the input ends or the output is closed.
///
/// # Errors
/// Returns why the session failed.
pub async fn serve<T: Toolbox>(server: Server<T>, reactor: Reactor) -> Result<(), String> {
    let (output, lines) = unbounded_channel();
    let output = Output(output);
    let (ended, mut has_ended) = watch::channel(false);
    let input = SendWrapper::new(Input::open(output.clone(), ended));
    let input = Arc::new(Mutex::new(input));
    let stdio = Stdio { input, output: output.clone(), in_flight: SendWrapper::new(Rc::default()) };
    let last_call = async {
        let _ = has_ended.wait_for(|ended| *ended).await;
        reactor.until(&Deadline::after(GRACE)).await;
    };
    let mut written = std::pin::pin!(write(lines));
    let result = tokio::select! {
        biased;
        () = &mut written => {
            // No response can be sent any more, so the platform gets no more requests.
            warn("the client has closed the output; the server ends");
            return Ok(());
        }
        result = session(server, stdio, &reactor.memory) => result,
        () = last_call => Ok(()),
    };
    let late = Deadline::after(GRACE);
    tokio::select! {
        biased;
        () = written => {}
        // Lines are written in order, so the empty one is written last.
        _ = output.send(Vec::new()) => {}
        () = reactor.until(&late) => {}
    }
    result
}

/// Serves one session. Messages before `initialize` get a response or are ignored.
async fn session<T: Toolbox>(
    server: Server<T>,
    stdio: Stdio,
    memory: &Rc<Memory>,
) -> Result<(), String> {
    loop {
        // A session that was not opened has no requests in flight.
        *stdio.in_flight.borrow_mut() = InFlight::default();
        match server.clone().serve(Written::new(stdio.clone(), memory)).await {
            Ok(session) => {
                return session.waiting().await.map(drop).map_err(|error| error.to_string());
            }
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            // The SDK's error is not shown, because it has the message in it.
            Err(ServerInitializeError::ExpectedInitializeRequest(_)) => {
                warn("a message before `initialize` that is no request was ignored");
            }
            Err(ServerInitializeError::InitializeFailed(_)) => {}
            Err(_) => return Err("the session cannot be opened".to_owned()),
        }
    }
}

fn warn(what: &str) {
    stderr::write(log_level(settings::source()), "MCP", Event::Warning(what));
}

/// Standard input and output as the SDK's transport. Clones share them.
#[derive(Clone)]
struct Stdio {
    // A component has one thread.
    input: Arc<Mutex<SendWrapper<Input>>>,
    output: Output,
    in_flight: SendWrapper<Rc<RefCell<InFlight>>>,
}

impl Transport<RoleServer> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        mut message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let is_awaited = self.in_flight.borrow_mut().answer(&mut message);
        let line =
            is_awaited.then(|| serde_json::to_vec(&message).map(|line| self.output.send(line)));
        async move {
            let Some(line) = line else { return Ok(()) };
            line?.await.map_err(|_| io::ErrorKind::BrokenPipe.into())
        }
    }

    fn receive(&mut self) -> impl Future<Output = Option<ClientJsonRpcMessage>> + Send {
        SendWrapper::new(async { self.input.lock().await.message(&self.in_flight).await })
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Input {
    stream: InputStream,
    lines: Lines,
    ended: watch::Sender<bool>,
    output: Output,
    /// Completes when the last refusal is written, so that a client that reads nothing does not fill the
    /// memory.
    refused: Option<oneshot::Receiver<()>>,
}

impl Input {
    fn open(output: Output, ended: watch::Sender<bool>) -> Self {
        let (stream, lines) = (stdin::get_stdin(), Lines::new(MAX_LINE_BYTES));
        Self { stream, lines, ended, output, refused: None }
    }

    /// Returns the next message, or `None` at the end of the input. Refuses bad messages. Dropping the
    /// future while it waits loses no input.
    async fn message(&mut self, in_flight: &RefCell<InFlight>) -> Option<ClientJsonRpcMessage> {
        let admitted = |mut message| {
            in_flight.borrow_mut().admit(&mut message)?;
            Ok(message)
        };
        loop {
            if let Some(refused) = &mut self.refused {
                let _ = refused.await;
                self.refused = None;
            }
            let line = self.line().await?;
            match line.and_then(|line| normalize(&line)).and_then(parse).and_then(admitted) {
                Ok(message) => return Some(message),
                Err(refusal) => self.refuse(&refusal),
            }
        }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        let Refusal { reason, .. } = refusal;
        match refusal.to_json() {
            Some(error) => {
                warn(&format!("a message was refused: {reason}"));
                self.refused = Some(self.output.send(error.into_bytes()));
            }
            None => warn(&format!("a message was ignored: {reason}")),
        }
    }

    async fn line(&mut self) -> Option<Result<Vec<u8>, Refusal>> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Some(line);
            }
            match self.stream.read(MAX_READ_BYTES) {
                Ok(bytes) if bytes.is_empty() => {
                    Ready::of(&Rc::new(self.stream.subscribe())).await;
                }
                Ok(bytes) => self.lines.push(bytes),
                Err(_) => {
                    self.ended.send_replace(true);
                    return self.lines.last_line();
                }
            }
        }
    }
}

/// A line to write, and the channel that reports that it is written.
type Line = (Vec<u8>, oneshot::Sender<()>);

/// The output. Clones share it.
#[derive(Clone)]
struct Output(UnboundedSender<Line>);

impl Output {
    /// Queues a line. The receiver completes when it is written, and fails if the output is closed.
    fn send(&self, line: Vec<u8>) -> oneshot::Receiver<()> {
        let (written, is_written) = oneshot::channel();
        // If the output is closed, this drops `written`, and the receiver fails.
        let _ = self.0.send((line, written));
        is_written
    }
}

/// Writes lines until the output is closed.
async fn write(mut lines: UnboundedReceiver<Line>) {
    let stream = stdout::get_stdout();
    while let Some((mut line, written)) = lines.recv().await {
        if !line.is_empty() {
            line.push(b'\n');
        }
        if write_all(&stream, &line).await.is_err() {
            return;
        }
        let _ = written.send(());
    }
}

/// Writes bytes and waits until they are flushed.
async fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let (now, later) = bytes.split_at(room(stream).await?.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    stream.flush()?;
    room(stream).await.map(drop)
}

/// Waits until bytes may be written. Returns how many.
async fn room(stream: &OutputStream) -> Result<usize, StreamError> {
    loop {
        match stream.check_write()? {
            0 => Ready::of(&Rc::new(stream.subscribe())).await,
            room => return Ok(usize::try_from(room).unwrap_or(usize::MAX)),
        }
    }
}
