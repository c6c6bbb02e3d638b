//! What went wrong on the wire, as `wasi:http` names it: the guest turns the name into words.

use std::error::Error as StdError;
use std::io;

use wasmtime_wasi_http::Error;

use crate::resolver::Unresolved;

/// Finds in a chain of errors the one that says what happened.
pub(crate) fn from_chain(error: &(dyn StdError + 'static)) -> Error {
    let mut next = Some(error);
    let mut best = Error::HttpProtocolError;
    while let Some(error) = next {
        if error.is::<Unresolved>() {
            return Error::DnsError { rcode: None, info_code: None };
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return from_tls(error);
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            best = from_hyper(error);
        } else if let Some(error) = error.downcast_ref::<io::Error>() {
            best = from_io(error).unwrap_or(best);
            // An I/O error shows the source of what it wraps, not what it wraps.
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
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Error::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

fn from_io(error: &io::Error) -> Option<Error> {
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
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client's error looks like: the cause lies under layers that say nothing of it.
    #[derive(Debug, thiserror::Error)]
    #[error("the request failed")]
    struct Wrapped(#[source] Box<dyn StdError>);

    fn told(cause: impl StdError + 'static) -> String {
        from_chain(&Wrapped(Box::new(Wrapped(Box::new(cause))))).to_string()
    }

    #[test]
    fn the_cause_is_found_under_what_wraps_it() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(told(refused), "connection refused");
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(told(reset), "connection terminated");
        assert_eq!(told(Unresolved(io::Error::other("no such host"))), "DNS error");
        assert_eq!(told(io::Error::other("anything else")), "HTTP protocol error");
    }

    #[test]
    fn a_tls_error_is_found_inside_an_io_error() {
        let inside = |error: rustls::Error| told(io::Error::new(io::ErrorKind::InvalidData, error));
        let unknown = rustls::CertificateError::UnknownIssuer;
        assert_eq!(inside(rustls::Error::InvalidCertificate(unknown)), "TLS certificate error");
        assert_eq!(inside(rustls::Error::HandshakeNotComplete), "TLS protocol error");
        let alert = rustls::AlertDescription::UnknownCA;
        let alert = inside(rustls::Error::AlertReceived(alert));
        assert!(alert.starts_with("TLS alert received: alert id 48"), "{alert}");
    }
}
