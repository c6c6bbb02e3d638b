//! Scripted responses of the platform, for tests of the call rule without HTTP.

use std::time::Duration;

use oge_tools::client::TransportError;
use oge_tools::error::FailureKind;
use oge_tools::response::Response;

/// How the platform responds to a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScriptedResponse {
    Accepts,
    ExpiredByCode,
    ExpiredByStatus,
    Forbids,
    Fails,
    Breaks,
    Hangs,
}
use ScriptedResponse::{Accepts, Breaks, ExpiredByCode, ExpiredByStatus, Fails, Forbids, Hangs};

impl ScriptedResponse {
    pub const ALL: [Self; 7] =
        [Accepts, ExpiredByCode, ExpiredByStatus, Forbids, Fails, Breaks, Hangs];

    /// Returns whether the response means that the token has expired.
    pub fn is_expiry(self) -> bool {
        matches!(self, ExpiredByCode | ExpiredByStatus)
    }

    /// Returns what the transport returns for a request with this timeout.
    pub fn response(self, timeout: Duration) -> Result<Response, TransportError> {
        let (status, body) = match self {
            Accepts => (200, r#"{"code":200}"#),
            ExpiredByCode => (200, r#"{"code":40003}"#),
            ExpiredByStatus => (401, ""),
            Forbids => (403, ""),
            Fails => (500, ""),
            Breaks => return Err(TransportError::Network("broken".to_owned())),
            Hangs => return Err(TransportError::Timeout { after: timeout }),
        };
        Ok(Response { status, body: body.into(), ..Response::default() })
    }

    /// Returns the failure of a call that ends with this response; `None` if the call succeeds.
    pub fn kind(self) -> Option<FailureKind> {
        match self {
            Accepts => None,
            ExpiredByCode | ExpiredByStatus => Some(FailureKind::Unauthorized),
            Forbids => Some(FailureKind::Forbidden),
            Fails => Some(FailureKind::Api),
            Breaks => Some(FailureKind::Network),
            Hangs => Some(FailureKind::Timeout),
        }
    }
}
