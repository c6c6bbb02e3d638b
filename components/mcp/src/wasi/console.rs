//! Standard input and output.

use std::rc::Rc;
use std::time::Duration;

use oge_mcp_server::stdio::{Console, Sink, Source};
use oge_token_store::wasi::settings;
use oge_tools::log::{Event, Log};
use oge_tools::wasi::stderr;
use oge_tools::wasi::wait::{Deadline, Wait as _};
use wasip2::cli::{stdin, stdout};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::reactor::{Reactor, Ready};

/// The largest read.
const MAX_READ_BYTES: u64 = 64 << 10;

/// The standard streams of this instance.
#[derive(Debug)]
pub struct WasiConsole(pub Reactor);

impl Console for WasiConsole {
    type Input = Stdin;
    type Output = Stdout;

    fn open(&self) -> (Stdin, Stdout) {
        (Stdin(stdin::get_stdin()), Stdout(stdout::get_stdout()))
    }

    async fn sleep(&self, time: Duration) {
        self.0.until(&Deadline::after(time)).await;
    }

    fn warn(&self, what: &str) {
        stderr::write(Log::read(settings::source()), "MCP", Event::Warning(what), None);
    }
}

/// Standard input.
#[derive(Debug)]
pub struct Stdin(InputStream);

impl Source for Stdin {
    async fn read(&mut self) -> Option<Vec<u8>> {
        loop {
            let bytes = self.0.read(MAX_READ_BYTES).ok()?;
            if !bytes.is_empty() {
                return Some(bytes);
            }
            Ready::of(&Rc::new(self.0.subscribe())).await;
        }
    }
}

/// Standard output.
#[derive(Debug)]
pub struct Stdout(OutputStream);

impl Sink for Stdout {
    async fn write(&mut self, bytes: Vec<u8>) -> bool {
        write_all(&self.0, &bytes).await.is_ok()
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
