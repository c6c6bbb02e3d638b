//! The HTTP client that a host shares: pooled keep-alive connections, one TLS configuration.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi_http::WasiBody;

use crate::connection::{Answer, Cuttable, Sending, Until};
use crate::resolver::Resolver;

/// How long an unused connection is kept: less than the five seconds after which common servers
/// close theirs, so that a request hardly ever meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);

/// A client; clones share its connections. Redirects are not followed.
#[derive(Clone)]
pub struct HttpClient(legacy::Client<Connector, Sending<WasiBody>>);

type Connector = Cuttable<HttpsConnector<HttpConnector<Resolver>>>;

impl HttpClient {
    /// A client that trusts Mozilla's certificate authorities, and those in the PEM file `more`.
    ///
    /// # Errors
    /// Where `more` cannot be read or holds no certificate.
    pub fn new(more: Option<&Path>) -> anyhow::Result<Self> {
        Self::resolving_with(Resolver::default(), more)
    }

    pub(crate) fn resolving_with(resolver: Resolver, more: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        if let Some(path) = more {
            trust(&mut roots, path)
                .with_context(|| format!("OGE_CA_FILE {} is of no use", path.display()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(Cuttable(connector));
        Ok(Self(client))
    }

    /// Sends a request whose URI is absolute. Given up before it was sent and answered, it takes its
    /// connection with it.
    pub(crate) async fn send(
        &self,
        request: Request<WasiBody>,
    ) -> Result<Response<Answer>, legacy::Error> {
        let (request, until) = Until::over(request);
        Ok(until.answered(self.0.request(request).await?))
    }

    /// A body that is there already.
    pub(crate) fn body(bytes: impl Into<Bytes>) -> WasiBody {
        let full = http_body_util::Full::new(bytes.into());
        UnsyncBoxBody::new(full.map_err(|never| match never {}))
    }
}

fn trust(roots: &mut RootCertStore, path: &Path) -> anyhow::Result<()> {
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
        found = true;
    }
    anyhow::ensure!(found, "it holds no certificate in PEM form");
    Ok(())
}
