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
        rustls::Error::AlertReceived(_) => {
            Error::TlsAlertReceived { alert_id: None, alert_message: None }
        }
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
