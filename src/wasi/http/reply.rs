//! A response, from WASI.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use wasip2::http::types::{IncomingBody, IncomingResponse, http_error_code};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::StreamError;

use super::error::error_from_wasi;
use super::unusable;
use crate::call::SendError;
use crate::reply::Reply;
use crate::wasi::wait::{Deadline, Wait};

/// How much is asked of the host at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// How much is read of a reply that is no answer: enough to say why.
const EXCUSE_BYTES: usize = 64 * 1024;

/// Reads a response to its end, or to `limit`.
pub(super) async fn reply_from_wasi(
    wait: &impl Wait,
    response: IncomingResponse,
    limit: usize,
    deadline: &Deadline,
) -> Result<Reply, SendError> {
    let status = response.status();
    let headers = response.headers();
    let header = |name: &str| {
        headers.get(name).into_iter().next().and_then(|value| String::from_utf8(value).ok())
    };
    let content_type = header("content-type");
    let incoming = response.consume().map_err(|()| unusable("response body"))?;
    let mut body = Vec::new();
    let is_answer = status == 200;
    let limit = if is_answer { limit } else { limit.min(EXCUSE_BYTES) };
    let length = || header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let read = read_body(wait, &incoming, &mut body, length, limit, deadline).await;
    // Any other status says enough by itself, whatever becomes of its body.
    if is_answer {
        read?;
    }
    Ok(Reply { status, content_type, body, ..Reply::default() })
}

/// Reads a body to its end, or to `limit`. `length` is how long it says that it is, and is asked only
/// where the body comes in pieces.
///
/// # Errors
/// Where it breaks off, is longer, or takes longer.
pub async fn read_body(
    wait: &impl Wait,
    body: &IncomingBody,
    bytes: &mut Vec<u8>,
    length: impl FnOnce() -> usize,
    limit: usize,
    deadline: &Deadline,
) -> Result<(), SendError> {
    let mut length = Some(length);
    let stream = body.stream().map_err(|()| unusable("response stream"))?;
    // Dropped before the stream, whose child it is. Most replies are here before anyone has to wait.
    let mut pollable: Option<Rc<Pollable>> = None;
    loop {
        match stream.read(CHUNK_BYTES) {
            Ok(chunk) if chunk.is_empty() => {
                let pollable = pollable.get_or_insert_with(|| Rc::new(stream.subscribe()));
                if !wait.ready(pollable, deadline).await {
                    return Err(SendError::Timeout { after: deadline.elapsed() });
                }
            }
            Ok(chunk) if chunk.len() > limit - bytes.len() => {
                bytes.extend(chunk.into_iter().take(limit - bytes.len()));
                return Err(SendError::TooLarge { limit });
            }
            // A reply that comes in one piece is not copied. It was waited for no longer than the deadline.
            Ok(chunk) if bytes.is_empty() => *bytes = chunk,
            Ok(_) if deadline.has_passed() => {
                return Err(SendError::Timeout { after: deadline.elapsed() });
            }
            Ok(chunk) => {
                if let Some(length) = length.take() {
                    bytes.reserve_exact(length().min(limit).saturating_sub(bytes.len()));
                }
                bytes.extend_from_slice(&chunk);
            }
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match http_error_code(&error) {
                    Some(code) => error_from_wasi(&code, deadline),
                    None if deadline.has_passed() => {
                        SendError::Timeout { after: deadline.elapsed() }
                    }
                    None => SendError::Network("the connection broke in the reply".into()),
                });
            }
        }
    }
}
