//! Bodies of HTTP messages, read and written within a deadline.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;
use oge_tools::call::SendError;
use oge_tools::wasi::http::{read_body, write_all};
use oge_tools::wasi::wait::Deadline;
use wasip2::http::types::{IncomingRequest, OutgoingBody};

use super::reactor::Reactor;

/// How large a message may be: the code that is turned into a DAG stands in one.
pub(super) const MOST_BYTES: usize = 4 << 20;
/// How long a client may take to send its message, or to take in a part of the answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a request's body to its end.
pub(super) async fn read(
    request: &IncomingRequest,
    length: usize,
    reactor: &Reactor,
) -> Result<Vec<u8>, SendError> {
    let broken = |()| SendError::Network("the request has no body to read".to_owned());
    let body = request.consume().map_err(broken)?;
    let mut bytes = Vec::new();
    let deadline = Deadline::after(PATIENCE);
    read_body(reactor, &body, &mut bytes, || length, MOST_BYTES, &deadline).await?;
    Ok(bytes)
}

/// Writes an answer's body as it comes, and finishes it. A client that stops reading ends it, and with
/// it the call: dropping the body tells the SDK.
pub(super) async fn write<E>(mut body: BoxBody<Bytes, E>, to: OutgoingBody, reactor: &Reactor) {
    if let Ok(stream) = to.write() {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            if !write_all(reactor, &stream, &data, &Deadline::after(PATIENCE))
                .await
                .unwrap_or(false)
            {
                return;
            }
        }
    }
    // A client that has gone away needs no end.
    let _ = OutgoingBody::finish(to, None);
}
