//! The HTTP client of a host: pooled keep-alive connections and one TLS configuration.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use wasmtime_wasi_http::WasiBody;

use crate::authorities;
use crate::connection::{CutOnDrop, Cuttable, RequestBody, ResponseBody};
use crate::resolver::Resolver;

/// How long an unused connection is kept. Common servers close theirs after five seconds, so this rarely
/// sends a request on a connection that is being closed.
const IDLE: Duration = Duration::from_secs(4);

/// An HTTP client. Clones share its connections. It does not follow redirects.
///
/// A server may close a kept connection just as a request is sent on it; then it is unknown whether the server
/// processed the request. So only a request that may be sent twice uses a kept connection. It is sent again if
/// the connection ends before the first byte of a response. Any other request gets a new connection.
#[derive(Clone)]
pub struct HttpClient {
    kept: Connections,
    own: Connections,
}

type Connections = legacy::Client<Connector, RequestBody<WasiBody>>;

type Connector = Cuttable<HttpsConnector<HttpConnector<Resolver>>>;

impl HttpClient {
    /// Returns a client that trusts Mozilla's certificate authorities and those in the file `more`
    /// (`OGE_CA_FILE`).
    ///
    /// # Errors
    /// Returns a [`Failure`](oge_tools::error::Failure) if `more` cannot be read or has no certificate.
    pub fn new(more: Option<&Path>) -> anyhow::Result<Self> {
        Self::resolving_with(Resolver::default(), more)
    }

    pub(crate) fn resolving_with(resolver: Resolver, more: Option<&Path>) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities::read(more)?)
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let connector = Cuttable(connector);
        let mut client = legacy::Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        let kept = client.build(connector.clone());
        let own = client.pool_max_idle_per_host(0).build(connector);
        Ok(Self { kept, own })
    }

    /// Sends a request whose URI is absolute. Dropping the future, or the response while the request is still
    /// being sent, closes the connection.
    pub(crate) async fn send(
        &self,
        request: Request<WasiBody>,
    ) -> Result<Response<ResponseBody>, legacy::Error> {
        let is_repeatable = [Method::GET, Method::HEAD].contains(request.method());
        if is_repeatable && request.body().is_end_stream() {
            return self.send_repeatable(request.map(|_| Bytes::new())).await;
        }
        let (request, until) = CutOnDrop::over(request);
        Ok(until.answered(self.own.request(request).await?))
    }

    /// Sends a request like [`HttpClient::send`], but the server may receive it twice.
    pub(crate) async fn send_repeatable(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<ResponseBody>, legacy::Error> {
        let (first, until) = CutOnDrop::over(request.clone().map(Self::body));
        match self.kept.request(first).await {
            Err(_) if until.met_its_end() => {
                let (again, until) = CutOnDrop::over(request.map(Self::body));
                Ok(until.answered(self.own.request(again).await?))
            }
            response => Ok(until.answered(response?)),
        }
    }

    /// Returns a body of these bytes.
    pub(crate) fn body(bytes: impl Into<Bytes>) -> WasiBody {
        let full = http_body_util::Full::new(bytes.into());
        UnsyncBoxBody::new(full.map_err(|never| match never {}))
    }
}
