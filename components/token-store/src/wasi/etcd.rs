//! The transport to etcd.

use core::time::Duration;

use oge_tools::client::{Transport, TransportError};
use oge_tools::request::Request;
use oge_tools::response::Response;
use oge_tools::secret::Secret;
use oge_tools::wasi::wait::Wait;

use super::effects::{Beating, send};

/// Sends requests to etcd.
#[derive(Debug)]
pub struct EtcdTransport<W> {
    pub(super) wait: W,
    /// As in [`WasiEffects`](super::WasiEffects).
    pub(super) ahead: Duration,
}

impl<W: Wait> Transport for EtcdTransport<W> {
    async fn send(
        &self,
        request: &Request,
        _authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        send(Beating { wait: &self.wait, lock: None, ahead: self.ahead }, request).await
    }
}
