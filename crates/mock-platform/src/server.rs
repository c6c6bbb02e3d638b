//! The server on its own thread and runtime, which stop when it is dropped.

use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::body::Body;
use crate::delivery::{Severed, Wire};
use crate::mock::Shared;
use crate::received::Received;

/// How long to wait if a connection cannot be accepted, for example because no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves a listener. Returns when connections are accepted.
    pub(crate) async fn start(listener: StdListener, shared: Arc<Shared>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("oge-mock-platform".to_owned())
            .spawn(move || run(listener, shared, ready, stopped))?;
        let server = Self { stop: Some(stop), thread: Some(thread) };
        is_ready.await.map_err(io::Error::other)??;
        Ok(server)
    }
}

impl Drop for Server {
    /// Closes every socket.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed to stderr.
            let _ = thread.join();
        }
    }
}

fn run(
    listener: StdListener,
    shared: Arc<Shared>,
    ready: oneshot::Sender<io::Result<()>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error))),
    };
    runtime.block_on(async {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return drop(ready.send(Err(error))),
        };
        // If `start` was dropped, so was the sender of `stopped`.
        let _ = ready.send(Ok(()));
        tokio::select! {
            () = accept(listener, shared) => {}
            _ = stopped => {}
        }
    });
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, shared.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection until either side closes it. Errors are ignored: the client sees them.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, &shared));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let Err(error) = (&mut connection).await else {
        return;
    };
    let severed = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
    if let Some(Severed(wire)) = severed {
        let _ = write_wire(wire, connection.into_parts().io.into_inner()).await;
    }
}

/// Writes the bytes, then closes or resets the connection.
async fn write_wire(wire: &Wire, mut stream: TcpStream) -> io::Result<()> {
    match wire.every {
        None => stream.write_all(&wire.bytes).await?,
        Some(every) => {
            for byte in &wire.bytes {
                tokio::time::sleep(every).await;
                stream.write_all(std::slice::from_ref(byte)).await?;
            }
        }
    }
    if wire.is_reset { stream.set_zero_linger() } else { stream.shutdown().await }
}

async fn respond(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>, Severed> {
    let (parts, body) = request.into_parts();
    // A client that disconnects during its request gets no response.
    let body = body.collect().await.map_err(|_| Severed::default())?;
    let request = Received::new(parts, body.to_bytes());
    let (pause, delivery) = shared.decide(&request);
    delivery.perform(pause).await
}
