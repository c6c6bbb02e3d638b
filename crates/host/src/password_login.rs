//! The login at the authority that the settings name.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use oge_token::{Credentials, Issued, LoginError, not_configured};
use oge_tools::client::TransportError;
use oge_tools::error::Fault;
use oge_tools::request::{ACCEPT_ENCODING, Request};
use oge_tools::response::Response;
use zeroize::Zeroizing;

use crate::client::HttpClient;
use crate::http_error::{from_chain, in_words};
use crate::store::Authority;

/// The largest response of the authority.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// Logs in with the credentials of the settings.
pub struct PasswordLogin {
    client: HttpClient,
    /// An error names the missing setting: a store that starts with a given token may never need credentials.
    credentials: Result<Credentials, Fault>,
}

impl PasswordLogin {
    /// Reads the credentials from the settings. `get` returns a setting's value.
    #[must_use]
    pub fn new(client: HttpClient, get: impl Fn(&str) -> Option<String>) -> Self {
        Self { client, credentials: Credentials::read(get) }
    }

    /// Returns the account's name, if there are credentials.
    pub(crate) fn account(&self) -> Option<String> {
        self.credentials.as_ref().ok().map(Credentials::account)
    }

    async fn send(&self, credentials: &Credentials) -> Result<Response, TransportError> {
        let network = |error: &(dyn std::error::Error + 'static)| {
            TransportError::Network(in_words(from_chain(error)))
        };
        let outgoing = to_http(&credentials.request()).map_err(|error| network(&error))?;
        let response =
            self.client.send_repeatable(outgoing).await.map_err(|error| network(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES);
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            // Without its body, any other status is still a response: a 401 must not become a network error.
            Err(_) if !(200..=299).contains(&status) => Bytes::new(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(TransportError::TooLarge { limit: MAX_RESPONSE_BYTES });
            }
            Err(error) => return Err(network(&*error)),
        };
        let header = |name: &str| {
            let lines: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            (!lines.is_empty())
                .then(|| String::from_utf8_lossy(&lines.join(&b","[..])).into_owned())
        };
        Ok(Response::received(status, &header, body.into(), MAX_RESPONSE_BYTES))
    }
}

/// Converts a request to one that may be sent twice and whose parts are wiped on drop. The copies that
/// hyper and TLS make to send it are not wiped. Public for the test that searches freed memory.
#[doc(hidden)]
pub fn to_http(request: &Request) -> http::Result<http::Request<Bytes>> {
    let mut builder = http::Request::builder();
    for header in &request.headers {
        let mut value = HeaderValue::from_maybe_shared(wiped(&[header.value.expose()]))?;
        value.set_sensitive(true);
        builder = builder.header(&header.name, value);
    }
    let origin = request.url.origin().to_string();
    let body = wiped(&[request.body.as_deref().unwrap_or_default()]);
    builder
        .method(request.method.as_str())
        .uri(Uri::from_maybe_shared(wiped(&[&origin, request.url.path_and_query()]))?)
        .header(ACCEPT_ENCODING.0, ACCEPT_ENCODING.1)
        .header(http::header::CONTENT_LENGTH, body.len())
        .body(body)
}

/// Joins parts of text into bytes that are wiped when their last clone is dropped.
fn wiped(parts: &[&str]) -> Bytes {
    Bytes::from_owner(Zeroizing::new(parts.concat()))
}

impl Authority for PasswordLogin {
    fn can_log_in(&self) -> bool {
        self.credentials.is_ok()
    }

    fn digest(&self, salt: &[u8]) -> String {
        self.credentials.as_ref().map_or_else(|_| String::new(), |known| known.digest(salt))
    }

    fn timed_out(&self, limit: Duration) -> LoginError {
        match &self.credentials {
            Ok(credentials) => credentials.no_response(&TransportError::Timeout { after: limit }),
            Err(fault) => LoginError::NotConfigured(not_configured(fault.clone())),
        }
    }

    fn login(&self) -> BoxFuture<'_, Result<Issued, LoginError>> {
        async {
            let credentials = self.credentials.as_ref();
            let credentials = credentials
                .map_err(|fault| LoginError::NotConfigured(not_configured(fault.clone())))?;
            match self.send(credentials).await {
                Ok(response) => credentials.read_response(response),
                Err(error) => Err(credentials.no_response(&error)),
            }
        }
        .boxed()
    }
}
