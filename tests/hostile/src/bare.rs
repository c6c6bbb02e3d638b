//! A well-behaved guest for benchmarks: sends one request with the fewest host calls that WASI 0.2 allows.
//! Its time is the cost of the sandbox.

use alloc::string::String;
use alloc::vec::Vec;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

use crate::bindings::oge::tools::token_store;

/// Returns a GET of `authority/path` with the store's token; `None` if a step fails.
pub(crate) fn request(address: &str) -> Option<OutgoingRequest> {
    let (authority, path) = address.split_at(address.find('/')?);
    let token = token_store::get().ok()?.authorization;
    let headers = [
        ("content-type".into(), b"application/json".into()),
        ("authorization".into(), token.into_bytes()),
    ];
    let request = OutgoingRequest::new(Fields::from_list(&headers).ok()?);
    request.set_scheme(Some(&Scheme::Http)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some(path)).ok()?;
    Some(request)
}

/// Sends a GET of `authority/path` with the store's token. Returns the body; `None` if a step fails.
pub(crate) fn get(address: &str) -> Option<String> {
    let future = outgoing_handler::handle(request(address)?, None).ok()?;
    future.subscribe().block();
    let response = future.get()?.ok()?.ok()?;
    let body = response.consume().ok()?;
    let stream = body.stream().ok()?;
    let mut bytes = Vec::new();
    while let Ok(mut chunk) = stream.blocking_read(1 << 20) {
        bytes.append(&mut chunk);
    }
    String::from_utf8(bytes).ok()
}
