//! etcd behind TLS: the reference host trusts the certificates of `OGE_CA_FILE` there too.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oge_host::Host;
use oge_mock_platform::{Mock, Options, ReservedPort, Route};
use oge_tools::error::FailureKind;
use oge_tools::tools::QueryTaskStatus;
use tempfile::{NamedTempFile, TempDir};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::fixture::status_of;
use crate::tls::{CertificateAuthority, TlsProxy};

/// An etcd of one member. Killed on drop.
struct Etcd {
    address: SocketAddr,
    process: Child,
    _ports: [ReservedPort; 2],
    _directory: TempDir,
}

impl Etcd {
    async fn start() -> Self {
        let ports = [(); 2].map(|()| ReservedPort::new().unwrap());
        let [client, peer] = ports.each_ref().map(ReservedPort::address);
        let directory = TempDir::new().unwrap();
        let mut etcd = Command::new("etcd");
        etcd.arg("--data-dir").arg(directory.path());
        etcd.arg(format!("--listen-client-urls=http://{client}"));
        etcd.arg(format!("--advertise-client-urls=http://{client}"));
        etcd.arg(format!("--listen-peer-urls=http://{peer}"));
        etcd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = etcd.spawn().unwrap();
        let this = Self { address: client, process, _ports: ports, _directory: directory };
        for _ in 0..300 {
            if TcpStream::connect(client).await.is_ok() {
                return this;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("etcd does not listen");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn host(mock: &Mock, etcd: SocketAddr, ca_file: &NamedTempFile) -> Host {
    Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
        .settings(mock.settings())
        .settings([
            ("OGE_TOKEN_ETCD", format!("https://{etcd}")),
            ("OGE_CA_FILE", ca_file.path().to_str().unwrap().to_owned()),
        ])
        .log(|_| {})
        .build()
        .unwrap()
}

#[tokio::test]
#[cfg_attr(not(has_etcd), ignore = "needs etcd")]
async fn etcd_is_trusted_as_oge_ca_file_says() {
    let mock = Mock::start(Options::default().single_session(true)).await.unwrap();
    let (etcd, authority) = (Etcd::start().await, CertificateAuthority::new());
    let secure = TlsProxy::start(authority.certify("127.0.0.1"), etcd.address).await;

    let stranger = host(&mock, secure.address, &CertificateAuthority::new().file());
    let refused = stranger.run::<QueryTaskStatus>(&status_of("d")).await.unwrap_err();
    let failure = refused.into_failure("x");
    assert_eq!(failure.kind, FailureKind::TokenStore);
    assert!(failure.message.contains("certificate is not trusted"), "{failure}");
    assert_eq!(mock.count(Route::Token), 0);

    // Two hosts share nothing but etcd.
    for _ in 0..2 {
        let host = host(&mock, secure.address, &authority.file());
        host.run::<QueryTaskStatus>(&status_of("d")).await.unwrap();
    }
    assert_eq!(mock.count(Route::Token), 1);
}
