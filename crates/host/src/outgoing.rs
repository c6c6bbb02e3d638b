//! Sends a guest's requests: to allowed origins only, through the host's pooled client.

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

type Result<T> = std::result::Result<T, Error>;

/// The allowed origins and the limits of one guest's requests.
pub(crate) struct Outgoing {
    client: HttpClient,
    allowed: Arc<[Origin]>,
    /// The number of requests that the guest may still open.
    free: Arc<Semaphore>,
}

impl Outgoing {
    pub(crate) fn new(client: HttpClient, allowed: Arc<[Origin]>, most: usize) -> Self {
        Self { client, allowed, free: Arc::new(Semaphore::new(most)) }
    }

    /// Allows an origin only in the spelling of [`Origin`], so that the compared text is the address that is
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

impl WasiHttpHooks for Outgoing {
    /// Sends a request if its origin is allowed. wasmtime spawns a task for the future, and aborts it when the
    /// guest drops the `future-incoming-response`.
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Done,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Done)>> + Send> {
        // Any header may hold a secret. No debug output shows a sensitive one.
        request.headers_mut().values_mut().for_each(|value| value.set_sensitive(true));
        let allowed = self.allow(&request);
        let client = self.client.clone();
        let options = options.unwrap_or_default();
        Box::new(async move {
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
            let response = response.map(|body| {
                UnsyncBoxBody::new(TimedBody { body, between, late: None, _permit: permit })
            });
            // The client drives the connection, so wasmtime has nothing more to run.
            Ok((response, Box::new(async { Ok(()) }) as Done))
        })
    }

    /// Like wasmtime's default, but without a closure for each name.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }
}

/// A response's body that fails if the next piece does not arrive in time.
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
