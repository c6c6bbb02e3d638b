//! One attempt over `wasi:http`: connect, send, wait, read, all within one deadline.
//!
//! [`read_body`] and [`write_all`] are public because servers use them too.

mod error;
mod request;
mod response;

use alloc::rc::Rc;

use wasip2::http::outgoing_handler;

pub use self::request::write_all;
pub use self::response::read_body;

use self::error::error_from_wasi;
use self::request::{options_to_wasi, request_to_wasi, write_body};
use self::response::response_from_wasi;
use super::wait::{Deadline, Wait};
use crate::client::{Transport, TransportError};
use crate::request::Request;
use crate::response::Response;
use crate::secret::Secret;

/// Sends requests through the host.
#[derive(Clone, Copy, Debug)]
pub struct Http<W> {
    /// Waits for the host.
    pub wait: W,
    /// The largest response, in bytes.
    pub max_reply_bytes: usize,
}

impl<W: Wait> Transport for Http<W> {
    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        let deadline = Deadline::after(request.timeout);
        let outgoing = request_to_wasi(request, authorization)?;
        // Without a body no `outgoing-body` is taken: an empty one would have to be finished.
        let body = match &request.body {
            Some(text) => Some((outgoing.body().map_err(|()| unusable("body"))?, text.as_bytes())),
            None => None,
        };
        let future = outgoing_handler::handle(outgoing, Some(options_to_wasi(request.timeout)))
            .map_err(|code| error_from_wasi(&code, &deadline))?;
        if let Some((body, bytes)) = body {
            write_body(&self.wait, body, bytes, &deadline).await?;
        }

        // The pollable is a child of the future, so it must be dropped first.
        let pollable = Rc::new(future.subscribe());
        let in_time = self.wait.ready(&pollable, &deadline).await;
        drop(pollable);
        if !in_time {
            return Err(TransportError::Timeout { after: deadline.elapsed() });
        }
        match future.get() {
            Some(Ok(Ok(response))) => {
                response_from_wasi(&self.wait, response, self.max_reply_bytes, &deadline).await
            }
            Some(Ok(Err(code))) => Err(error_from_wasi(&code, &deadline)),
            Some(Err(())) | None => Err(unusable("response")),
        }
    }
}

/// The error for a host that breaks the contract of `wasi:http`. Returned, so that the component does not trap.
fn unusable(what: &str) -> TransportError {
    TransportError::Network(["the host gave no usable ", what].concat())
}
