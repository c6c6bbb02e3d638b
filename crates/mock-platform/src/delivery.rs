//! How a response is sent.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::body::{self, Body};
use crate::response::Response;

/// A response and how it is sent.
pub(crate) enum Delivery {
    /// At once.
    Whole(Response),
    /// The body a byte at a time.
    Dripped(Response, Duration),
    /// Half of the body; then the connection stays open.
    Stuck(Response),
    /// JSON of this many bytes.
    Huge(usize),
    /// Bytes that hyper would not send.
    Wire(Wire),
    /// No response; the connection stays open.
    Never,
}

/// Bytes that are sent unchanged, HTTP or not, and how the connection ends after them.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) bytes: Bytes,
    /// The time before each byte. `None` sends them at once.
    pub(crate) every: Option<Duration>,
    /// Whether the connection is reset in place of closed.
    pub(crate) is_reset: bool,
    /// The status that a client reads in the bytes, if it can.
    status: Option<StatusCode>,
}

impl Wire {
    pub(crate) fn of(bytes: Bytes) -> Self {
        Self { bytes, ..Self::default() }
    }

    pub(crate) fn drip(self, every: Duration) -> Self {
        Self { every: Some(every), ..self }
    }

    pub(crate) fn reset(self) -> Self {
        Self { is_reset: true, ..self }
    }

    pub(crate) fn readable(self, status: StatusCode) -> Self {
        Self { status: Some(status), ..self }
    }
}

/// The service error that makes hyper give up a connection, because hyper cannot send these bytes.
///
/// `server::serve` takes it out of hyper's error, writes the bytes and closes the connection.
#[derive(Default)]
pub(crate) struct Severed(pub(crate) Wire);

impl fmt::Display for Severed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the mock severs this connection")
    }
}

impl fmt::Debug for Severed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Severed(***)")
    }
}

impl std::error::Error for Severed {}

impl Delivery {
    /// Returns the HTTP status, if the client gets a readable response.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Whole(response) | Self::Dripped(response, _) => Some(response.status),
            Self::Huge(_) => Some(StatusCode::OK),
            Self::Wire(wire) => wire.status,
            Self::Stuck(_) | Self::Never => None,
        }
    }

    /// Waits for `pause`, then returns the response.
    pub(crate) async fn perform(self, pause: Duration) -> Result<http::Response<Body>, Severed> {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        match self {
            Self::Whole(response) => Ok(response.into_response(body::whole)),
            Self::Dripped(response, every) => {
                Ok(response.into_response(|bytes| body::dripped(bytes, every)))
            }
            Self::Stuck(response) => Ok(response.into_response(body::stuck)),
            Self::Huge(length) => {
                Ok(Response::json(StatusCode::OK, "").into_response(|_| body::huge(length)))
            }
            Self::Wire(wire) => Err(Severed(wire)),
            Self::Never => std::future::pending().await,
        }
    }
}
