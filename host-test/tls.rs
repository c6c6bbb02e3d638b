//! https: a private certificate authority is trusted only if `OGE_CA_FILE` names it.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use oge_host::{CallError, Host};
use oge_mock_platform::{Mock, Options};
use oge_tools::error::FailureKind;
use oge_tools::tools::QueryTaskStatus;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::fixture::status_of;

/// A private certificate authority.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key.
pub struct Certified(CertificateDer<'static>, KeyPair);

impl CertificateAuthority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes the certificate to a file for `OGE_CA_FILE`.
    pub fn file(&self) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(self.pem.as_bytes()).unwrap();
        file
    }

    /// Returns a certificate for this name or address.
    pub fn certify(&self, name: &str) -> Certified {
        self.sign(CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// Returns a certificate that was valid for one day in 2001.
    pub fn certify_until_long_ago(&self, name: &str) -> Certified {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 2);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Certified {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certified(certificate.der().clone(), key)
    }
}

/// A TLS port on loopback that forwards to a server. Closes all connections on drop.
pub struct TlsProxy {
    pub address: SocketAddr,
    _serving: JoinSet<()>,
}

impl TlsProxy {
    pub async fn start(certified: Certified, to: SocketAddr) -> Self {
        let Certified(certificate, key) = certified;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    // The client under test observes any error.
                    let Ok(mut near) = acceptor.accept(near).await else { return };
                    let Ok(mut far) = TcpStream::connect(to).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { address, _serving: serving }
    }
}

/// Returns the address of a mock.
pub fn address(mock: &Mock) -> SocketAddr {
    mock.origin().strip_prefix("http://").unwrap().parse().unwrap()
}

/// Asks for a task's state from a mock behind this certificate.
async fn ask(certified: Certified, ca_file: Option<&NamedTempFile>) -> Result<String, CallError> {
    let mock = Mock::start(Options::default()).await.unwrap();
    mock.start_task("d");
    let secure = TlsProxy::start(certified, address(&mock)).await;
    let origin = format!("https://{}", secure.address);
    let host = Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
        .settings([("OGE_DAG_URL", mock.dag_url().replace(mock.origin(), &origin))])
        .settings([("OGE_TOKEN", mock.issue_token())])
        .settings(ca_file.map(|file| ("OGE_CA_FILE", file.path().to_str().unwrap().to_owned())))
        .log(|_| {})
        .build()
        .unwrap();
    host.run::<QueryTaskStatus>(&status_of("d")).await.map(|done| done.output.status)
}

#[tokio::test]
async fn an_authority_that_oge_ca_file_names_is_trusted() {
    let authority = CertificateAuthority::new();
    let status = ask(authority.certify("127.0.0.1"), Some(&authority.file())).await;
    assert_eq!(status.unwrap(), "starting");
}

#[tokio::test]
async fn an_untrusted_certificate_fails_with_its_reason() {
    let (authority, other) = (CertificateAuthority::new(), CertificateAuthority::new());
    for (certified, file) in [
        (authority.certify("127.0.0.1"), None),
        (authority.certify("127.0.0.1"), Some(other.file())),
        (authority.certify("127.0.0.2"), Some(authority.file())),
        (authority.certify_until_long_ago("127.0.0.1"), Some(authority.file())),
    ] {
        let Err(CallError::Failure(failure)) = ask(certified, file.as_ref()).await else {
            panic!("it was trusted");
        };
        assert_eq!(failure.kind, FailureKind::Network);
        assert!(failure.message.contains("certificate is not trusted"), "{failure}");
    }
}

#[test]
fn building_a_host_rejects_a_ca_file_without_certificates() {
    let file = NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let built = Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
        .settings([("OGE_CA_FILE", path)])
        .build();
    let error = format!("{:#}", built.err().unwrap());
    assert!(error.contains("OGE_CA_FILE") && error.contains("no certificate"), "{error}");
}
