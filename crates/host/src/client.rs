//! The HTTP client that a host shares: pooled keep-alive connections, one TLS configuration.

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
use crate::connection::{Answer, Cuttable, Sending, Until};
use crate::resolver::Resolver;

/// How long an unused connection is kept: less than the five seconds after which common servers
/// close theirs, so that a request hardly ever meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);

/// A client; clones share its connections. Redirects are not followed.
///
/// A server may close a kept connection at the moment at which a request is sent on it, and nobody can
/// tell whether it took the request. So a request that may be sent twice goes on a kept connection,
/// and is sent once more when that connection ends before the first byte of a response. Any other
/// request gets a connection of its own.
#[derive(Clone)]
pub struct HttpClient {
    kept: Connections,
    own: Connections,
}

type Connections = legacy::Client<Connector, Sending<WasiBody>>;

type Connector = Cuttable<HttpsConnector<HttpConnector<Resolver>>>;

impl HttpClient {
    /// A client that trusts Mozilla's certificate authorities, and those in the file `more`: what
    /// `OGE_CA_FILE` names.
    ///
    /// # Errors
    /// A [`Failure`](oge_tools::error::Failure) if `more` cannot be read or holds no certificate.
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

    /// Sends a request whose URI is absolute. Given up before it was sent and answered, it takes its
    /// connection with it.
    pub(crate) async fn send(
        &self,
        request: Request<WasiBody>,
    ) -> Result<Response<Answer>, legacy::Error> {
        let is_repeatable = [Method::GET, Method::HEAD].contains(request.method());
        if is_repeatable && request.body().is_end_stream() {
            return self.send_repeatable(request.map(|_| Bytes::new())).await;
        }
        let (request, until) = Until::over(request);
        Ok(until.answered(self.own.request(request).await?))
    }

    /// As [`HttpClient::send`]. The server may get the request twice.
    pub(crate) async fn send_repeatable(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Answer>, legacy::Error> {
        let (first, until) = Until::over(request.clone().map(Self::body));
        match self.kept.request(first).await {
            Err(_) if until.met_its_end() => {
                let (again, until) = Until::over(request.map(Self::body));
                Ok(until.answered(self.own.request(again).await?))
            }
            response => Ok(until.answered(response?)),
        }
    }

    /// A body that is there already.
    pub(crate) fn body(bytes: impl Into<Bytes>) -> WasiBody {
        let full = http_body_util::Full::new(bytes.into());
        UnsyncBoxBody::new(full.map_err(|never| match never {}))
    }
}
