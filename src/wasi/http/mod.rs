//! One attempt over `wasi:http`: connect, send, wait, read, all within one deadline.
//!
//! What moves bytes is there for servers too: [`read_body`] and [`write_all`].

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

/// Sends requests through the host, waiting as the component at hand does.
#[derive(Clone, Copy, Debug)]
pub struct Http<W> {
    /// How to wait.
    pub wait: W,
    /// How large a response may be.
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
        // Without one the host sends the request as it is; an empty one would have to be finished.
        let body = match &request.body {
            Some(text) => Some((outgoing.body().map_err(|()| unusable("body"))?, text.as_bytes())),
            None => None,
        };
        let future = outgoing_handler::handle(outgoing, Some(options_to_wasi(request.timeout)))
            .map_err(|code| error_from_wasi(&code, &deadline))?;
        if let Some((body, bytes)) = body {
            write_body(&self.wait, body, bytes, &deadline).await?;
        }

        // Dropped before the future, whose child it is.
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

/// A host that takes back what it has just handed out. Said, not trapped on.
fn unusable(what: &str) -> TransportError {
    TransportError::Network(["the host gave no usable ", what].concat())
}
