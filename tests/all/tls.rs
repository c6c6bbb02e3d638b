//! https: an intranet's own authority is trusted when `OGE_CA_FILE` names it, and not otherwise.

use std::io::Write as _;
use std::sync::Arc;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use oge_host::{CallError, Host};
use oge_tools::error::FailureKind;
use oge_tools::tools::{QueryTaskStatus, query_task_status};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A task service on https with a certificate of its own, and that certificate as PEM.
async fn https() -> (String, String) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(async |_| {
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from_static(b"running"))))
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer);
                let _ = connection.await;
            });
        }
    });
    (origin, certified.cert.pem())
}

async fn ask(settings: &[(&str, &str)]) -> Result<String, CallError> {
    let host = Host::builder()
        .settings(settings.iter().copied())
        .settings([("OGE_TOKEN", "given")])
        .log(|_| {})
        .build()
        .unwrap();
    let arguments = query_task_status::Arguments { dag_id: "d".to_owned(), auth_token: None };
    host.run::<QueryTaskStatus>(&arguments).await.map(|done| done.output.status)
}

#[tokio::test]
async fn an_authority_that_oge_ca_file_names_is_trusted() {
    let (origin, pem) = https().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let status = ask(&[("OGE_DAG_URL", &origin), ("OGE_CA_FILE", path)]).await;
    assert_eq!(status.unwrap(), "running");
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted_and_said_so() {
    let (origin, _) = https().await;
    let Err(CallError::Failure(failure)) = ask(&[("OGE_DAG_URL", &origin)]).await else {
        panic!("an unknown certificate was trusted");
    };
    assert_eq!(failure.kind, FailureKind::Network);
    assert!(failure.message.contains("certificate is not trusted"), "{failure}");
}

#[test]
fn a_file_without_a_certificate_is_refused_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let built = Host::builder().settings([("OGE_CA_FILE", path)]).build();
    let error = format!("{:#}", built.err().unwrap());
    assert!(error.contains("OGE_CA_FILE") && error.contains("no certificate"), "{error}");
}
