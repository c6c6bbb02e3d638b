//! A response, from WASI.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use wasip2::http::types::{IncomingBody, IncomingResponse, http_error_code};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::StreamError;

use super::error::error_from_wasi;
use super::unusable;
use crate::body_buffer::BodyBuffer;
use crate::client::TransportError;
use crate::response::Response;
use crate::wasi::wait::{Deadline, Wait};

/// The most that is read from the host at once.
const CHUNK_BYTES: usize = 1 << 20;

/// The least that is read from the host at once, even if more memory must be granted to keep it.
const MIN_CHUNK_BYTES: usize = 64 * 1024;

/// The most that is read of a response whose status is not 200: enough for its reason.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Reads a response to its end, or to `limit`.
pub(super) async fn response_from_wasi(
    wait: &impl Wait,
    response: IncomingResponse,
    limit: usize,
    deadline: &Deadline,
) -> Result<Response, TransportError> {
    let status = response.status();
    let headers = response.headers();
    let header = |name: &str| {
        let lines = headers.get(name);
        (!lines.is_empty()).then(|| String::from_utf8_lossy(&lines.join(&b","[..])).into_owned())
    };
    let incoming = response.consume().map_err(|()| unusable("response body"))?;
    let mut body = Vec::new();
    let is_success = status == 200;
    let limit = if is_success { limit } else { limit.min(MAX_ERROR_BYTES) };
    let length = || header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let read = read_body(wait, &incoming, &mut body, length, limit, deadline).await;
    // Any other status is a failure even if its body cannot be read.
    if is_success {
        read?;
    }
    Ok(Response::received(status, &header, body, limit))
}

/// Reads a body to its end. `length` returns its declared length and is called only if the body arrives in
/// buffer. If reading fails, `bytes` has the part that was read.
///
/// # Errors
/// Fails if the connection breaks, the body is longer than `limit`, or the deadline passes.
pub async fn read_body(
    wait: &impl Wait,
    body: &IncomingBody,
    bytes: &mut Vec<u8>,
    length: impl FnOnce() -> usize,
    limit: usize,
    deadline: &Deadline,
) -> Result<(), TransportError> {
    let mut buffer = BodyBuffer::default();
    let read = read_pieces(wait, body, &mut buffer, length, limit, deadline).await;
    *bytes = buffer.join();
    read
}

async fn read_pieces(
    wait: &impl Wait,
    body: &IncomingBody,
    buffer: &mut BodyBuffer,
    length: impl FnOnce() -> usize,
    limit: usize,
    deadline: &Deadline,
) -> Result<(), TransportError> {
    let mut length = Some(length);
    let stream = body.stream().map_err(|()| unusable("response stream"))?;
    // A child of the stream, so it is dropped first. Made only if needed: most responses are already there.
    let mut pollable: Option<Rc<Pollable>> = None;
    let timeout = || TransportError::Timeout { after: deadline.elapsed() };
    let mut granted = wait.room(0, deadline).await.ok_or_else(timeout)?;
    loop {
        let room = limit - buffer.length();
        let chunk = granted.saturating_sub(buffer.length()).clamp(MIN_CHUNK_BYTES, CHUNK_BYTES);
        match stream.read(chunk as u64) {
            Ok(chunk) if chunk.is_empty() => {
                let pollable = pollable.get_or_insert_with(|| Rc::new(stream.subscribe()));
                if !wait.ready(pollable, deadline).await {
                    return Err(timeout());
                }
            }
            Ok(mut chunk) if chunk.len() > room => {
                chunk.truncate(room);
                buffer.push(chunk);
                return Err(TransportError::TooLarge { limit });
            }
            // The first chunk arrived within the deadline, so the clock is not read.
            Ok(chunk) if buffer.length() == 0 && chunk.len() <= granted => buffer.push(chunk),
            Ok(_) if deadline.has_passed() => return Err(timeout()),
            Ok(chunk) => {
                let whole = buffer.length() + chunk.len();
                let expected = length.take().map_or(0, |length| length().min(limit));
                if whole.max(expected) > granted {
                    let wanted = granted.saturating_mul(2).min(limit).max(whole).max(expected);
                    granted = wait.room(wanted, deadline).await.ok_or_else(timeout)?;
                }
                if expected > 0 {
                    buffer.expect(expected);
                }
                buffer.push(chunk);
            }
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match http_error_code(&error) {
                    Some(code) => error_from_wasi(&code, deadline),
                    None if deadline.has_passed() => {
                        TransportError::Timeout { after: deadline.elapsed() }
                    }
                    None => TransportError::Network("the connection broke in the response".into()),
                });
            }
        }
    }
}
