//! Accepts connections, at most as many as there may be open files, until a signal ends the server.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;

use super::http::Http;
use crate::log::print_line;

/// How long a client may take to send a request's head, also on an idle connection.
const HEAD: Duration = Duration::from_secs(30);
/// How long a client may take to receive a part of the response.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long calls may continue after the signal that ends the server.
const GRACE: Duration = Duration::from_secs(30);
/// How long to wait before accepting again if that failed, for example because no file can be opened.
const AGAIN: Duration = Duration::from_millis(100);
/// How many refusals are sent at the same time.
const REFUSALS: usize = 32;
/// The largest head of a request.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// The most connections by default.
const MAX_CONNECTIONS: u32 = 4096;

const FULL: &str = "the server has as many connections as it may have; try again in a second\n";

/// How many connections are open at the same time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    connections: usize,
}

impl Capacity {
    /// Raises this process's limit of open files, and divides it: a call has a connection to the platform, and the
    /// rest are for clients.
    pub(super) fn new(calls: u32, connections: Option<u32>) -> anyhow::Result<Self> {
        // The files of the process itself: its binary, streams, runtimes, token file and refusals.
        let own = 64 + REFUSALS as u64;
        let files = max_open_files();
        let left = files.saturating_sub(own + u64::from(calls));
        let wanted = connections.map_or(u64::from(MAX_CONNECTIONS).min(left), u64::from);
        ensure!(
            (1..=left).contains(&wanted),
            "this process may open {files} files, and needs {own}, one for each of {calls} calls and one for each \
             connection: raise the limit (ulimit -n), or lower --max-calls or --max-connections"
        );
        Ok(Self { connections: usize::try_from(wanted)? })
    }
}

#[cfg(unix)]
fn max_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Some systems accept no more than this.
    let wanted = maximum.unwrap_or(u64::MAX).min(10_240).max(current.unwrap_or(u64::MAX));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(_) => current.unwrap_or(u64::MAX),
    }
}

/// Windows has no limit that matters here.
#[cfg(not(unix))]
fn max_open_files() -> u64 {
    u64::from(u16::MAX)
}

/// Serves until a signal, then finishes the calls under way.
pub(super) async fn serve(
    listener: TcpListener,
    http: Rc<Http>,
    capacity: Capacity,
) -> anyhow::Result<()> {
    let mut ended = std::pin::pin!(signal()?);
    let connections = Arc::new(Semaphore::new(capacity.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let shutdown = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut ended => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                print_line(&format!("oge serve: a connection cannot be accepted: {error}"));
                sleep(AGAIN).await;
                continue;
            }
        };
        match Arc::clone(&connections).try_acquire_owned() {
            Ok(permit) => open(stream, permit, &http, &shutdown),
            // If even this is too much, the connection is closed.
            Err(_) => drop(Arc::clone(&refusals).try_acquire_owned().map(|permit| {
                spawn_local(refuse(stream, permit));
            })),
        }
    }
    drop(listener);
    print_line("oge serve: ends when the calls under way have ended");
    tokio::select! {
        () = shutdown.shutdown() => {}
        () = sleep(GRACE) => print_line("oge serve: some calls have not ended in time"),
    }
    Ok(())
}

fn open(
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    http: &Rc<Http>,
    shutdown: &GracefulShutdown,
) {
    // Fails if the client has disconnected.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(PATIENCE));
    let http = Rc::clone(http);
    let service = service_fn(move |request| {
        let answer = Rc::clone(&http).answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let connection = shutdown.watch(connection);
    spawn_local(async move {
        // Fails if the client disconnects or sends no HTTP. hyper has answered as far as that is possible.
        let _ = connection.await;
        drop(permit);
    });
}

/// Responds that the server is full, and waits a second for the client to read that.
async fn refuse(stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let refusal = async {
        stream.writable().await?;
        let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
            Content-Type: text/plain; charset=utf-8\r\n";
        let response = format!("{head}Content-Length: {}\r\n\r\n{FULL}", FULL.len());
        stream.try_write(response.as_bytes())?;
        // A close with unread bytes would discard the response.
        let mut discarded = [0; 1024];
        loop {
            stream.readable().await?;
            match stream.try_read(&mut discarded) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    };
    let _: Result<std::io::Result<()>, _> = timeout(Duration::from_secs(1), refusal).await;
}

/// Returns a future that ends with the first signal to end the process. Must be called in a runtime.
fn signal() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}
