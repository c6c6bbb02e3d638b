//! Errors of the host, from WASI.

use alloc::string::String;

use wasip2::http::types::ErrorCode;

use crate::client::TransportError;
use crate::wasi::wait::Deadline;

/// Converts an error of the host. Its time limits are set from the deadline, so each of its timeouts is ours.
pub(super) fn error_from_wasi(code: &ErrorCode, deadline: &Deadline) -> TransportError {
    match code {
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => TransportError::Timeout { after: deadline.elapsed() },
        other => TransportError::Network(words(other)),
    }
}

fn words(code: &ErrorCode) -> String {
    let words = match code {
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => "the host name is not known",
        ErrorCode::DestinationUnavailable => "the destination is unavailable",
        ErrorCode::DestinationIpProhibited | ErrorCode::HttpRequestDenied => {
            "the host of this component does not allow requests to this address"
        }
        ErrorCode::DestinationIpUnroutable => "there is no route to the address",
        ErrorCode::ConnectionRefused => "connection refused",
        ErrorCode::ConnectionTerminated => {
            "the connection was closed before the response was whole"
        }
        ErrorCode::ConnectionLimitReached => "too many connections",
        ErrorCode::TlsCertificateError => {
            "the server's certificate is not trusted by the host of this component (docs/settings.md, \
             Certificates)"
        }
        // Some hosts return these errors for a certificate that they do not trust.
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
            "the TLS handshake failed; perhaps the host of this component does not trust the server's \
             certificate (docs/settings.md, Certificates)"
        }
        ErrorCode::HttpResponseIncomplete => "the response ended before it was whole",
        ErrorCode::HttpResponseHeaderSectionSize(_) | ErrorCode::HttpResponseHeaderSize(_) => {
            "the response's headers are too large"
        }
        ErrorCode::HttpProtocolError => "the server does not speak HTTP as it should",
        ErrorCode::InternalError(Some(why)) => return why.clone(),
        _ => "the HTTP exchange failed",
    };
    words.into()
}
