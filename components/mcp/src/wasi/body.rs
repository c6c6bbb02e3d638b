//! Reads and writes the bodies of HTTP messages within a deadline.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;
use oge_mcp_server::http::MAX_BYTES;
use oge_tools::client::TransportError;
use oge_tools::wasi::http::{read_body, write_all};
use oge_tools::wasi::wait::{Deadline, Wait as _};
use wasip2::http::types::{IncomingRequest, OutgoingBody};
use wasip2::io::streams::OutputStream;

use super::reactor::Reactor;

/// How long a client may take to send its message.
const MESSAGE: Duration = Duration::from_secs(30);
/// How long a client may take to receive a part of the response.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to check whether the client is still connected.
const CHECK: Duration = Duration::from_millis(200);
/// After how many checks something is written, because idle connections may be closed by the network.
const CHECKS_BETWEEN_WRITES: u32 = 10;

/// Reads a request's body to its end.
pub(super) async fn read(
    request: &IncomingRequest,
    length: usize,
    reactor: &Reactor,
) -> Result<Vec<u8>, TransportError> {
    let broken = |()| TransportError::Network("the request has no body to read".to_owned());
    let body = request.consume().map_err(broken)?;
    let mut bytes = Vec::new();
    let deadline = Deadline::after(MESSAGE);
    read_body(reactor, &body, &mut bytes, || length, MAX_BYTES, &deadline).await?;
    Ok(bytes)
}

/// Writes a response's body as it is produced. If the client stops reading, the body is dropped, which ends the
/// call. `idle` is written while the body produces nothing, to detect a client that has disconnected.
pub(super) async fn write<E>(
    mut body: BoxBody<Bytes, E>,
    to: OutgoingBody,
    idle: Option<&[u8]>,
    reactor: &Reactor,
) {
    let Ok(stream) = to.write() else { return };
    let is_written = write_frames(&mut body, &stream, idle, reactor).await;
    drop(stream);
    if is_written {
        // Fails if the client has disconnected.
        let _ = OutgoingBody::finish(to, None);
    }
}

/// Writes a JSON response that is not ready yet. Meanwhile it writes line feeds: JSON may begin with white
/// space.
pub(super) async fn write_late<E>(
    response: impl Future<Output = Response<BoxBody<Bytes, E>>>,
    to: OutgoingBody,
    reactor: &Reactor,
) {
    let Ok(stream) = to.write() else { return };
    let response = while_idle(response, &stream, Some(b"\n"), reactor).await;
    let is_written = match response {
        Some(response) => write_frames(&mut response.into_body(), &stream, None, reactor).await,
        None => false,
    };
    drop(stream);
    if is_written {
        let _ = OutgoingBody::finish(to, None);
    }
}

async fn write_frames<E>(
    body: &mut BoxBody<Bytes, E>,
    stream: &OutputStream,
    idle: Option<&[u8]>,
    reactor: &Reactor,
) -> bool {
    loop {
        match while_idle(body.frame(), stream, idle, reactor).await {
            Some(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                if !write_some(&data, stream, reactor).await {
                    return false;
                }
            }
            Some(_) => return true,
            None => return false,
        }
    }
}

/// Waits for `work`, and meanwhile writes `idle` every few seconds. Returns `None` if the client has
/// disconnected.
async fn while_idle<F: Future>(
    work: F,
    stream: &OutputStream,
    idle: Option<&[u8]>,
    reactor: &Reactor,
) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut checks = 0;
    loop {
        let pause = Deadline::after(CHECK);
        tokio::select! {
            biased;
            output = &mut work => return Some(output),
            () = reactor.until(&pause), if idle.is_some() => {}
        }
        stream.check_write().ok()?;
        checks += 1;
        if checks % CHECKS_BETWEEN_WRITES == 0
            && !write_some(idle.unwrap_or_default(), stream, reactor).await
        {
            return None;
        }
    }
}

async fn write_some(data: &[u8], stream: &OutputStream, reactor: &Reactor) -> bool {
    write_all(reactor, stream, data, &Deadline::after(PATIENCE)).await.unwrap_or(false)
}
