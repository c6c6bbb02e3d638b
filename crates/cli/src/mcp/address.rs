//! The address that a server listens on.

use std::str::FromStr;

use anyhow::Context as _;
use tokio::net::TcpListener;

/// A host and a port. Without a host it is this machine only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORMS: &str = "write HOST:PORT, :PORT or PORT, for example 127.0.0.1:8080";
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let port = port.parse().map_err(|_| FORMS)?;
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        // Only an IPv6 address has colons, and it is in brackets.
        if bare.is_empty() || bare.contains(['/', '[', ']']) || (bare == host && host.contains(':'))
        {
            return Err(FORMS);
        }
        Ok(Self { host: bare.to_owned(), port })
    }
}

impl Address {
    pub(super) async fn listen(&self) -> anyhow::Result<TcpListener> {
        let Self { host, port } = self;
        TcpListener::bind((host.as_str(), *port)).await.with_context(|| {
            format!("cannot listen on {host} port {port}; is another server running there?")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_brackets_are_optional() {
        for (text, host, port) in [
            ("127.0.0.1:8080", "127.0.0.1", 8080),
            ("localhost:8081", "localhost", 8081),
            (":8081", "127.0.0.1", 8081),
            ("8081", "127.0.0.1", 8081),
            ("0", "127.0.0.1", 0),
            ("0.0.0.0:80", "0.0.0.0", 80),
            ("[::1]:80", "::1", 80),
        ] {
            assert_eq!(text.parse(), Ok(Address { host: host.to_owned(), port }), "{text}");
        }
        for text in [
            "",
            ":",
            "localhost",
            "localhost:",
            "1:65536",
            "::1:80",
            "[]:80",
            "http://a:80",
            "a:-1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
