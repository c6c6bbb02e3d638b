//! Standard input and output. Each has a thread, because reading and writing them blocks.

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Duration;

use oge_mcp_server::stdio::{Console, Sink, Source};
use oge_tools::log::{Event, Level};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::log::write_log;

/// The largest read.
const MAX_READ_BYTES: usize = 64 << 10;

/// The standard streams of this process.
pub(super) struct NativeConsole(Level);

impl NativeConsole {
    /// Returns a console that logs with this level.
    pub(super) const fn new(level: Level) -> Self {
        Self(level)
    }
}

impl Console for NativeConsole {
    type Input = Stdin;
    type Output = Stdout;

    fn open(&self) -> (Stdin, Stdout) {
        (Stdin::open(), Stdout::open())
    }

    async fn sleep(&self, time: Duration) {
        sleep(time).await;
    }

    fn warn(&self, what: &str) {
        write_log(self.0, Event::Warning(what).line("MCP").trim_end());
    }
}

/// Standard input.
pub(super) struct Stdin(mpsc::Receiver<Vec<u8>>);

impl Stdin {
    fn open() -> Self {
        // One chunk in the channel: a client that sends faster than it is read must wait.
        let (chunks, received) = mpsc::channel(1);
        thread::spawn(move || {
            let mut buffer = vec![0; MAX_READ_BYTES];
            loop {
                match std::io::stdin().lock().read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        let chunk = buffer.get(..count).unwrap_or_default().to_vec();
                        if chunks.blocking_send(chunk).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        });
        Self(received)
    }
}

impl Source for Stdin {
    async fn read(&mut self) -> Option<Vec<u8>> {
        self.0.recv().await
    }
}

/// A text to write, and the channel that reports that it is flushed.
type Write = (Vec<u8>, oneshot::Sender<()>);

/// Standard output.
pub(super) struct Stdout(mpsc::UnboundedSender<Write>);

impl Stdout {
    fn open() -> Self {
        let (writes, mut received) = mpsc::unbounded_channel::<Write>();
        thread::spawn(move || {
            while let Some((bytes, written)) = received.blocking_recv() {
                let mut stdout = std::io::stdout().lock();
                if stdout.write_all(&bytes).and_then(|()| stdout.flush()).is_err() {
                    return;
                }
                let _ = written.send(());
            }
        });
        Self(writes)
    }
}

impl Sink for Stdout {
    async fn write(&mut self, bytes: Vec<u8>) -> bool {
        let (written, is_written) = oneshot::channel();
        self.0.send((bytes, written)).is_ok() && is_written.await.is_ok()
    }
}
