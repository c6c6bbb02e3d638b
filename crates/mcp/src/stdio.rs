//! MCP over stdio: one message per line.

mod output;

use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::ServerInitializeError;
use rmcp::transport::Transport;
use rmcp::{RoleServer, ServiceExt as _};
use send_wrapper::SendWrapper;
use tokio::sync::{Mutex, oneshot, watch};

use self::output::{Output, write};
use crate::memory::Memory;
use crate::message::{InFlight, Lines, Refusal, normalize, parse};
use crate::server::{Server, Toolbox};
use crate::written::Written;

/// How long running calls may continue after the end of the input.
const GRACE: Duration = Duration::from_secs(5);
/// The largest message.
const MAX_LINE_BYTES: usize = 16 << 20;

/// Standard input, standard output, the clock and the log of this process.
pub trait Console: 'static {
    /// Standard input.
    type Input: Source;
    /// Standard output.
    type Output: Sink;

    /// Opens both.
    fn open(&self) -> (Self::Input, Self::Output);
    /// Waits for this time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
    /// Logs a problem that does not end the session.
    fn warn(&self, what: &str);
}

/// Bytes that arrive.
pub trait Source: 'static {
    /// Returns the bytes that have arrived, waiting for the first. `None` at the end. Dropping the future loses
    /// no bytes.
    fn read(&mut self) -> impl Future<Output = Option<Vec<u8>>>;
}

/// Bytes that leave.
pub trait Sink: 'static {
    /// Writes bytes and waits until they are flushed. Returns whether the other side still reads.
    fn write(&mut self, bytes: Vec<u8>) -> impl Future<Output = bool>;
}

/// Serves until the input ends or the output is closed.
///
/// # Errors
/// Returns why the session failed.
pub async fn serve<T: Toolbox, C: Console>(
    server: Server<T>,
    console: C,
    memory: &Rc<Memory>,
) -> Result<(), String> {
    let console = Rc::new(console);
    let (source, sink) = console.open();
    let (output, lines) = Output::new();
    let (ended, mut has_ended) = watch::channel(false);
    let input = Input {
        source,
        lines: Lines::new(MAX_LINE_BYTES),
        ended,
        output: output.clone(),
        refused: None,
        console: Rc::clone(&console),
    };
    let input = Arc::new(Mutex::new(SendWrapper::new(input)));
    let stdio = Stdio { input, output: output.clone(), in_flight: SendWrapper::new(Rc::default()) };
    let last_call = async {
        let _ = has_ended.wait_for(|ended| *ended).await;
        console.sleep(GRACE).await;
    };
    let mut written = std::pin::pin!(write(sink, lines));
    let result = tokio::select! {
        biased;
        () = &mut written => {
            // No response can be sent any more, so the platform gets no more requests.
            console.warn("the client has closed the output; the server ends");
            return Ok(());
        }
        result = session(server, stdio, memory, &*console) => result,
        () = last_call => Ok(()),
    };
    tokio::select! {
        biased;
        () = written => {}
        // Lines are written in order, so the empty one is written last.
        _ = output.send(Vec::new()) => {}
        () = console.sleep(GRACE) => {}
    }
    result
}

/// Serves one session. Messages before `initialize` get a response or are ignored.
async fn session<T: Toolbox, C: Console>(
    server: Server<T>,
    stdio: Stdio<C>,
    memory: &Rc<Memory>,
    console: &C,
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
                console.warn("a message before `initialize` that is no request was ignored");
            }
            Err(ServerInitializeError::InitializeFailed(_)) => {}
            Err(_) => return Err("the session cannot be opened".to_owned()),
        }
    }
}

/// Standard input and output as the SDK's transport. Clones share them.
struct Stdio<C: Console> {
    // A server runs on one thread.
    input: Arc<Mutex<SendWrapper<Input<C>>>>,
    output: Output,
    in_flight: SendWrapper<Rc<RefCell<InFlight>>>,
}

impl<C: Console> Clone for Stdio<C> {
    fn clone(&self) -> Self {
        let Self { input, output, in_flight } = self;
        Self { input: Arc::clone(input), output: output.clone(), in_flight: in_flight.clone() }
    }
}

impl<C: Console> Transport<RoleServer> for Stdio<C> {
    type Error = io::Error;

    fn send(
        &mut self,
        mut message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let is_awaited = self.in_flight.borrow_mut().answer(&mut message);
        let line =
            is_awaited.then(|| serde_json::to_vec(&message).map(|line| self.output.send(line)));
        // Not awaited, so that it shares a write with the response. The log of a call is limited, and so are these.
        let is_notification = matches!(message, JsonRpcMessage::Notification(_));
        async move {
            let Some(is_written) = line.transpose()?.filter(|_| !is_notification) else {
                return Ok(());
            };
            is_written.await.map_err(|_| io::ErrorKind::BrokenPipe.into())
        }
    }

    fn receive(&mut self) -> impl Future<Output = Option<ClientJsonRpcMessage>> + Send {
        SendWrapper::new(async { self.input.lock().await.message(&self.in_flight).await })
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Input<C: Console> {
    source: C::Input,
    lines: Lines,
    ended: watch::Sender<bool>,
    output: Output,
    /// Completes when the last refusal is written, so that a client that reads nothing does not fill the
    /// memory.
    refused: Option<oneshot::Receiver<()>>,
    console: Rc<C>,
}

impl<C: Console> Input<C> {
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
            let Some(line) = self.line().await else {
                // The SDK sends no progress after the end of the input, and a call waits until its progress is sent. So
                // the end waits for the calls: the SDK drops this future and asks again after each response.
                return if in_flight.borrow().is_empty() { None } else { pending().await };
            };
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
                self.console.warn(&format!("a message was refused: {reason}"));
                self.refused = Some(self.output.send(error.into_bytes()));
            }
            None => self.console.warn(&format!("a message was ignored: {reason}")),
        }
    }

    async fn line(&mut self) -> Option<Result<Vec<u8>, Refusal>> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Some(line);
            }
            match self.source.read().await {
                Some(bytes) => self.lines.push(bytes),
                None => {
                    self.ended.send_replace(true);
                    return self.lines.last_line();
                }
            }
        }
    }
}
