//! Converts network errors to `wasi:http` error codes. The guest turns the codes into text.

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;
use wasmtime_wasi_http::Error;

use crate::resolver::Unresolved;

/// Returns the code of the most specific error in a chain of errors.
pub(crate) fn from_chain(error: &(dyn StdError + 'static)) -> Error {
    let mut next = Some(error);
    let mut best = Error::HttpProtocolError;
    while let Some(error) = next {
        if let Some(Unresolved(error)) = error.downcast_ref() {
            let unknown = Error::DnsError { rcode: None, info_code: None };
            return exhausted(error).unwrap_or(unknown);
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return from_tls(error);
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            best = from_hyper(error);
        } else if let Some(error) = error.downcast_ref::<io::Error>() {
            best = from_io(error).unwrap_or(best);
            // `source` skips the error that an I/O error wraps; `get_ref` returns it.
            if let Some(inner) = error.get_ref() {
                next = Some(inner);
                continue;
            }
        }
        next = error.source();
    }
    best
}

fn from_hyper(error: &hyper::Error) -> Error {
    if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Error::ConnectionTerminated
    } else if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else {
        Error::HttpProtocolError
    }
}

fn from_tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(problem) => with_text(&[
            "the server's certificate is not trusted: ",
            match problem {
                CertificateError::UnknownIssuer => {
                    "its issuer is not known here; name the certificate of its issuer, not the \
                     server's own, in OGE_CA_FILE"
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "it has expired; renew it, or set this machine's clock right"
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "it is not valid yet; set this machine's clock right, or the server's"
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "it is for another name than the one in the URL; use the name that it is for"
                }
                CertificateError::BadSignature => {
                    "its issuer did not sign it; the one that OGE_CA_FILE names may be an older one"
                }
                CertificateError::Other(other) if is_authority(other) => {
                    "it is an authority's own; give the server one that is no authority's \
                     (CA:FALSE), and name this one in OGE_CA_FILE if it is the issuer"
                }
                _ => "it is damaged, or of a kind that is not supported here",
            },
        ]),
        rustls::Error::InvalidMessage(_) => with_text(&[
            "the server does not speak TLS on this port; if it speaks plain HTTP, write http:// in the \
             URL",
        ]),
        rustls::Error::NoCertificatesPresented => Error::TlsCertificateError,
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

/// Returns whether a server's certificate is marked as an authority's. rustls has no variant for it.
fn is_authority(error: &rustls::OtherError) -> bool {
    error.0.to_string() == "CaUsedAsEndEntity"
}

/// Returns an error with a text of ours, for which no code exists. The guest shows the text unchanged.
fn with_text(parts: &[&str]) -> Error {
    Error::InternalError(Some(parts.concat()))
}

/// Returns the text that the user reads.
pub(crate) fn in_words(error: Error) -> String {
    match error {
        Error::InternalError(Some(words)) => words,
        other => other.to_string(),
    }
}

/// Returns an error that names the resource which this machine has run out of, or `None` if it is another
/// error.
fn exhausted(error: &io::Error) -> Option<Error> {
    // The numbers on Linux, macOS and the BSDs.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    match error.raw_os_error()? {
        EMFILE => Some(with_text(&[
            "this process has as many files and connections open as it may; raise its limit \
             (ulimit -n) or make fewer calls at once",
        ])),
        ENFILE => {
            Some(with_text(&["this machine has as many files and connections open as it may"]))
        }
        _ if error.kind() == io::ErrorKind::AddrNotAvailable => Some(with_text(&[
            "this machine has no port left for another connection; make fewer calls at once",
        ])),
        _ => None,
    }
}

fn from_io(error: &io::Error) -> Option<Error> {
    if let Some(error) = exhausted(error) {
        return Some(error);
    }
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Error::ConnectionTerminated,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Error::DestinationIpUnroutable
        }
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        // The system's text is better than none.
        _ if error.raw_os_error().is_some() => with_text(&["no connection: ", &error.to_string()]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's error: the cause is below layers that do not describe it.
    #[derive(Debug, thiserror::Error)]
    #[error("the request failed")]
    struct Wrapped(#[source] Box<dyn StdError>);

    fn text_of(cause: impl StdError + 'static) -> String {
        in_words(from_chain(&Wrapped(Box::new(Wrapped(Box::new(cause))))))
    }

    #[test]
    fn the_cause_is_found_below_its_wrappers() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(text_of(refused), "connection refused");
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(text_of(reset), "connection terminated");
        assert_eq!(text_of(Unresolved(io::Error::other("no such host"))), "DNS error");
        assert_eq!(text_of(io::Error::other("anything else")), "HTTP protocol error");
    }

    #[test]
    fn an_exhausted_resource_is_named() {
        let too_many = || io::Error::from_raw_os_error(24);
        for error in [text_of(too_many()), text_of(Unresolved(too_many()))] {
            assert!(error.contains("files") && error.contains("ulimit -n"), "{error}");
        }
        assert!(text_of(io::Error::from_raw_os_error(23)).contains("files"));
        assert_eq!(
            text_of(io::Error::from_raw_os_error(13)),
            "no connection: Permission denied (os error 13)"
        );
    }

    #[test]
    fn a_tls_error_is_found_inside_an_io_error() {
        let inside =
            |error: rustls::Error| text_of(io::Error::new(io::ErrorKind::InvalidData, error));
        let unknown = inside(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(unknown.contains("certificate is not trusted: its issuer"), "{unknown}");
        assert!(unknown.contains("OGE_CA_FILE"), "{unknown}");
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert!(inside(plain).contains("write http://"));
        assert_eq!(inside(rustls::Error::HandshakeNotComplete), "TLS protocol error");
        let alert = rustls::AlertDescription::UnknownCA;
        let alert = inside(rustls::Error::AlertReceived(alert));
        assert!(alert.starts_with("TLS alert received: alert id 48"), "{alert}");
    }
}
