//! The requests of the token store: logins, and calls to etcd.

use bytes::Bytes;
use http::{HeaderValue, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use oge_tools::client::{Transport, TransportError};
use oge_tools::request::{ACCEPT_ENCODING, Request};
use oge_tools::response::Response;
use oge_tools::secret::Secret;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::client::HttpClient;
use crate::http_error::{from_chain, in_words};

/// The largest response.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// Sends requests that may be sent twice. Their own headers authorize them.
#[derive(Clone)]
pub(crate) struct StoreTransport(pub(crate) HttpClient);

impl Transport for StoreTransport {
    async fn send(
        &self,
        request: &Request,
        _authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        let timed_out = |_| TransportError::Timeout { after: request.timeout };
        timeout(request.timeout, self.exchange(request)).await.map_err(timed_out)?
    }
}

impl StoreTransport {
    async fn exchange(&self, request: &Request) -> Result<Response, TransportError> {
        let network = |error: &(dyn std::error::Error + 'static)| {
            TransportError::Network(in_words(from_chain(error)))
        };
        let outgoing = to_http(request).map_err(|error| network(&error))?;
        let response = self.0.send_repeatable(outgoing).await.map_err(|error| network(&error))?;
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
