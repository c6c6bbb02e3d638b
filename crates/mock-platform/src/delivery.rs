//! How an answer goes out.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::body::{self, Body};
use crate::response::Response;

/// An answer and the manner of its sending.
pub(crate) enum Delivery {
    /// All at once.
    Whole(Response),
    /// The body a byte at a time.
    Dripped(Response, Duration),
    /// Half of the body, then nothing, for ever.
    Stuck(Response),
    /// So many bytes of JSON.
    Huge(usize),
    /// Bytes that hyper would not send.
    Wire(Wire),
    /// Nothing, for ever.
    Never,
}

/// Bytes as they are, HTTP or not, and how the connection ends after them.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) bytes: Bytes,
    /// The time before each byte, where they do not come at once.
    pub(crate) every: Option<Duration>,
    /// Whether the connection is reset, not closed.
    pub(crate) is_reset: bool,
    /// The status that a client reads in them, where it can.
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

/// Why hyper is told to give a connection up: it cannot send what is to be sent.
///
/// It travels as the service's error. Whoever drives the connection takes it out again, writes
/// the bytes and closes.
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
    /// The HTTP status, where there is an answer.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Whole(response) | Self::Dripped(response, _) => Some(response.status),
            Self::Huge(_) => Some(StatusCode::OK),
            Self::Wire(wire) => wire.status,
            Self::Stuck(_) | Self::Never => None,
        }
    }

    /// Waits, then answers.
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
