//! How a guest's requests leave: to allowed origins only, through the host's pooled client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use oge_tools::url::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep, timeout};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks,
};

use crate::client::HttpClient;
use crate::connection::ResponseBody;
use crate::http_error::from_chain;
use crate::requests::{InFlight, Requests};

/// What comes of a request.
pub(crate) type Sent = Result<Response<WasiBody>>;

type Result<T> = std::result::Result<T, Error>;

/// One guest's way out.
pub(crate) struct Outgoing {
    client: HttpClient,
    allowed: Arc<[Origin]>,
    /// How many requests it may still open.
    free: Arc<Semaphore>,
    requests: Requests,
}

impl Outgoing {
    pub(crate) fn new(
        client: HttpClient,
        allowed: Arc<[Origin]>,
        most: usize,
        requests: Requests,
    ) -> Self {
        Self { client, allowed, free: Arc::new(Semaphore::new(most)), requests }
    }

    /// Sends a request, if it may go where it is to go.
    pub(crate) fn send(&self, mut request: Request<WasiBody>, options: RequestOptions) -> InFlight {
        // Any may be one: no client's debug output shows it then.
        request.headers_mut().values_mut().for_each(|value| value.set_sensitive(true));
        let allowed = self.allow(&request);
        let client = self.client.clone();
        self.requests.begin(async move {
            let permit = allowed?;
            let sent = client.send(request);
            // The client connects and waits in one step, so the longer limit covers both.
            let response = match options.first_byte_timeout.max(options.connect_timeout) {
                Some(limit) => {
                    timeout(limit, sent).await.map_err(|_| Error::HttpResponseTimeout)?
                }
                None => sent.await,
            };
            let between = options.between_bytes_timeout;
            let response = response.map_err(|error| from_chain(&error))?;
            Ok(response.map(|body| {
                UnsyncBoxBody::new(TimedBody { body, between, late: None, _permit: permit })
            }))
        })
    }

    /// An origin is allowed as [`Origin`] writes it, and in no other spelling: what is compared is what is
    /// connected to.
    fn allow(&self, request: &Request<WasiBody>) -> Result<OwnedSemaphorePermit> {
        let (scheme, authority) = (request.uri().scheme_str(), request.uri().authority());
        let is_destination = |origin: &Origin| {
            scheme == Some(origin.scheme().as_str())
                && authority.is_some_and(|authority| authority.as_str() == origin.authority())
        };
        if !self.allowed.iter().any(is_destination) {
            return Err(Error::HttpRequestDenied);
        }
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| Error::ConnectionLimitReached)
    }
}

type Done = Box<dyn Future<Output = Result<()>> + Send>;
type Refused = Result<(Response<WasiBody>, Done)>;

impl WasiHttpHooks for Outgoing {
    /// Nothing leaves through wasmtime's own handler.
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Done,
    ) -> Box<dyn Future<Output = Refused> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }

    /// As wasmtime would, without a closure for each name.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }
}

/// A response's body, which ends with an error where the next piece is too long in coming.
struct TimedBody {
    body: ResponseBody,
    between: Option<Duration>,
    late: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.late = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| from_chain(&error))));
        }
        let Some(between) = this.between else {
            return Poll::Pending;
        };
        let late = this.late.get_or_insert_with(|| Box::pin(sleep(between)));
        ready!(late.as_mut().poll(context));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
