//! How an answer goes out.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::body::{self, Body};
use crate::reply::Reply;

/// An answer and the manner of its sending.
pub(crate) enum Delivery {
    /// All at once.
    Whole(Reply),
    /// The body a byte at a time.
    Dripped(Reply, Duration),
    /// So many bytes of JSON.
    Huge(usize),
    /// These bytes as they are, HTTP or not; then the connection is closed.
    Wire(Bytes),
    /// Nothing, for ever.
    Never,
}

/// Why hyper is told to give a connection up: it cannot send what is to be sent.
///
/// It travels as the service's error. Whoever drives the connection takes it out again, writes
/// the bytes and closes.
#[derive(Default)]
pub(crate) struct Severed(pub(crate) Bytes);

impl fmt::Display for Severed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the fake severs this connection")
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
            Self::Whole(reply) | Self::Dripped(reply, _) => Some(reply.status),
            Self::Huge(_) => Some(StatusCode::OK),
            Self::Wire(_) | Self::Never => None,
        }
    }

    /// Waits, then answers.
    pub(crate) async fn perform(self, pause: Duration) -> Result<Response<Body>, Severed> {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        match self {
            Self::Whole(reply) => Ok(reply.into_response(body::whole)),
            Self::Dripped(reply, every) => {
                Ok(reply.into_response(|bytes| body::dripped(bytes, every)))
            }
            Self::Huge(length) => {
                Ok(Reply::json(StatusCode::OK, "").into_response(|_| body::huge(length)))
            }
            Self::Wire(bytes) => Err(Severed(bytes)),
            Self::Never => std::future::pending().await,
        }
    }
}
