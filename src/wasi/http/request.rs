//! A request, to WASI.

use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};
use wasip2::io::streams::{OutputStream, StreamError};

use super::error::error_from_wasi;
use super::unusable;
use crate::client::TransportError;
use crate::request::{ACCEPT_ENCODING, Request};
use crate::secret::Secret;
use crate::url;
use crate::wasi::wait::{Deadline, Wait, nanos};

/// Converts a request. Its headers are rebuilt each time: the request's own, the length of the body and
/// `authorization`.
pub(super) fn request_to_wasi(
    request: &Request,
    authorization: Option<&Secret>,
) -> Result<OutgoingRequest, TransportError> {
    let pair = |name: &str, value: &str| -> (String, Vec<u8>) { (name.into(), value.into()) };
    let mut headers: Vec<_> =
        request.headers.iter().map(|header| pair(&header.name, header.value.expose())).collect();
    headers.push(pair(ACCEPT_ENCODING.0, ACCEPT_ENCODING.1));
    if let Some(length) = content_length(request) {
        headers.push(pair("content-length", &length.to_string()));
    }
    if let Some(authorization) = authorization {
        headers.push(pair("authorization", authorization.expose()));
    }
    let refused = |what: &str| TransportError::Network(["the host refused the ", what].concat());
    let fields = Fields::from_list(&headers).map_err(|_| refused("headers"))?;
    let outgoing = OutgoingRequest::new(fields);
    let origin = request.url.origin();
    let scheme = match origin.scheme() {
        url::Scheme::Http => Scheme::Http,
        url::Scheme::Https => Scheme::Https,
    };
    // GET is the default method.
    if request.method.as_str() != "GET" {
        let method = method_to_wasi(request.method.as_str());
        outgoing.set_method(&method).map_err(|()| refused("method"))?;
    }
    outgoing.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    outgoing.set_authority(Some(origin.authority())).map_err(|()| refused("authority"))?;
    let path = request.url.path_and_query();
    outgoing.set_path_with_query(Some(path)).map_err(|()| refused("path"))?;
    Ok(outgoing)
}

/// Returns the `Content-Length`. A request without a body has length 0, unless its method is GET or HEAD.
/// The length is sent because the platform's gateways do not accept chunked bodies.
fn content_length(request: &Request) -> Option<usize> {
    match &request.body {
        Some(body) => Some(body.len()),
        None if matches!(request.method.as_str(), "GET" | "HEAD") => None,
        None => Some(0),
    }
}

fn method_to_wasi(method: &str) -> Method {
    match method {
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.into()),
    }
}

/// Sets every time limit of the host to the attempt's, so that none is shorter. A host that does not support
/// one of them keeps its own.
pub(super) fn options_to_wasi(timeout: Duration) -> RequestOptions {
    let timeout = Some(nanos(timeout));
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(timeout);
    let _ = options.set_first_byte_timeout(timeout);
    let _ = options.set_between_bytes_timeout(timeout);
    options
}

/// Writes the body and finishes it, even an empty one. Ignores a failed write, because the server may already
/// have sent a response that explains it.
pub(super) async fn write_body(
    wait: &impl Wait,
    body: OutgoingBody,
    bytes: &[u8],
    deadline: &Deadline,
) -> Result<(), TransportError> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| unusable("body stream"))?;
        match write_all(wait, &stream, bytes, deadline).await {
            Ok(true) => {}
            Ok(false) => return Err(TransportError::Timeout { after: deadline.elapsed() }),
            Err(_) => return Ok(()),
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| error_from_wasi(&code, deadline))
}

/// Writes all bytes. Returns false if the deadline passes first.
///
/// # Errors
/// Fails if the peer has stopped reading.
pub async fn write_all(
    wait: &impl Wait,
    stream: &OutputStream,
    mut bytes: &[u8],
    deadline: &Deadline,
) -> Result<bool, StreamError> {
    while !bytes.is_empty() {
        let permit = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if permit == 0 {
            let pollable = Rc::new(stream.subscribe());
            if !wait.ready(&pollable, deadline).await {
                return Ok(false);
            }
            continue;
        }
        let (now, later) = bytes.split_at(permit.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    stream.flush()?;
    Ok(true)
}
