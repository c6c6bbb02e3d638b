//! Responses that begin before their call has ended, so that proxies and clients see a live connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Response;
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use oge_mcp_server::http::{HttpResponse, early, is_stream};
use tokio::time::{Instant, Sleep, sleep};

/// After how long the response of a running call begins.
const EARLY: Duration = Duration::from_millis(500);
/// After how long of silence something is written, because idle connections may be closed by the network.
const IDLE: Duration = Duration::from_secs(2);

/// The body of a response.
pub(super) type Whole = UnsyncBoxBody<Bytes, Infallible>;
/// A call that gives a response.
type Call = LocalBoxFuture<'static, Response<Whole>>;

/// A body that writes something while nothing else arrives: a line feed before JSON, which may begin with white
/// space, or a comment between events.
pub(super) struct LateBody {
    source: Source,
    idle: Option<(&'static [u8], Pin<Box<Sleep>>)>,
}

enum Source {
    /// The call has not ended.
    Call(Call),
    Body(Whole),
}

impl LateBody {
    /// Returns the body of a response that is complete.
    pub(super) fn whole(
        body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
    ) -> Self {
        Self { source: Source::Body(UnsyncBoxBody::new(body)), idle: None }
    }

    fn idle(source: Source, text: &'static [u8]) -> Self {
        Self { source, idle: Some((text, Box::pin(sleep(IDLE)))) }
    }
}

/// Returns the response of `call`. If it takes long and `may_begin_early`, the response begins before.
pub(super) async fn respond(
    call: impl Future<Output = Response<Whole>> + 'static,
    may_begin_early: bool,
) -> Response<LateBody> {
    let mut call: Call = Box::pin(call);
    tokio::select! {
        biased;
        response = &mut call => {
            let is_stream = is_stream(response.headers());
            response.map(|body| match is_stream {
                true => LateBody::idle(Source::Body(body), b":\n\n"),
                false => LateBody::whole(body),
            })
        }
        () = sleep(EARLY), if may_begin_early => {
            let begun: HttpResponse = early();
            begun.map(|_| LateBody::idle(Source::Call(call), b"\n"))
        }
    }
}

impl Body for LateBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Source::Call(call) = &mut self.source
            && let Poll::Ready(response) = call.as_mut().poll(context)
        {
            self.source = Source::Body(response.into_body());
            self.idle = None;
        }
        if let Source::Body(body) = &mut self.source
            && let Poll::Ready(frame) = Pin::new(body).poll_frame(context)
        {
            if let Some((_, timer)) = &mut self.idle {
                timer.as_mut().reset(Instant::now() + IDLE);
            }
            return Poll::Ready(frame);
        }
        let Some((text, timer)) = &mut self.idle else { return Poll::Pending };
        ready!(timer.as_mut().poll(context));
        timer.as_mut().reset(Instant::now() + IDLE);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text)))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.source, Source::Body(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.source {
            Source::Body(body) if self.idle.is_none() => body.size_hint(),
            _ => http_body::SizeHint::default(),
        }
    }
}
