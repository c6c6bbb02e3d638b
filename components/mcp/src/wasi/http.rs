//! MCP over Streamable HTTP: `wasi:http` in front of the server's HTTP service.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderName;
use http::response::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, request};
use oge_mcp_server::access::Access;
use oge_mcp_server::allowed_names::Page;
use oge_mcp_server::cors;
use oge_mcp_server::http::{self as mcp, Checked, HttpResponse, plain};
use oge_mcp_server::server::{Server, Toolbox};
use oge_tools::wasi::wait::{Deadline, Wait as _};
use wasip2::http::types::{
    Fields, IncomingRequest, Method as WasiMethod, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

use super::body;
use super::reactor::Reactor;

/// After how long the response of a running call is started. Only then is a client's disconnect detected.
const EARLY: Duration = Duration::from_millis(100);

/// An MCP server over HTTP.
pub struct Service<T: Toolbox> {
    mcp: mcp::Service<T>,
    reactor: Reactor,
}

impl<T: Toolbox> Service<T> {
    /// Returns a service with these access rules.
    #[must_use]
    pub fn new(server: Server<T>, access: Access, reactor: Reactor) -> Self {
        Self { mcp: mcp::Service::new(server, access), reactor }
    }

    /// Replaces the access rules.
    pub fn admit(&self, access: Access) {
        self.mcp.admit(access);
    }

    /// Serves one request. If a call takes longer than `EARLY`, its response is started early: then a
    /// disconnect of the client closes the body, and the call ends.
    pub async fn serve(&self, request: IncomingRequest, out: ResponseOutparam) {
        let Some(head) = head(&request) else {
            let message = "the request's head cannot be read\n";
            let response = plain(StatusCode::BAD_REQUEST, message);
            return self.respond(response, &Page::None, out).await;
        };
        let page = self.mcp.page(&head.headers);
        let read = async |length| body::read(&request, length, &self.reactor).await;
        let permitted = match self.mcp.check(head, read).await {
            Checked::Call(permitted) => permitted,
            Checked::Answer(response) => return self.respond(response, &page, out).await,
        };
        let may_begin_early = permitted.may_begin_early;
        let mut call = pin!(self.mcp.call(permitted));
        let early = Deadline::after(EARLY);
        tokio::select! {
            biased;
            response = &mut call => return self.respond(response, &page, out).await,
            () = self.reactor.until(&early), if may_begin_early => {}
        }
        let Some(to) = begin(mcp::early().into_parts().0, &page, out) else { return };
        body::write_late(call, to, &self.reactor).await;
    }

    async fn respond(&self, response: HttpResponse, page: &Page, out: ResponseOutparam) {
        let (parts, body) = response.into_parts();
        let idle = mcp::is_stream(&parts.headers).then_some(b":\n\n".as_slice());
        if let Some(to) = begin(parts, page, out) {
            body::write(body, to, idle, &self.reactor).await;
        }
    }
}

/// Sends the head of a response. Returns its outgoing body.
fn begin(mut parts: Parts, page: &Page, out: ResponseOutparam) -> Option<OutgoingBody> {
    cors::allow(page, &mut parts.headers);
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    let headers: Vec<_> = parts.headers.iter().map(header).collect();
    let response =
        OutgoingResponse::new(Fields::from_list(&headers).unwrap_or_else(|_| Fields::new()));
    response.set_status_code(parts.status.as_u16()).ok()?;
    let to = response.body().ok()?;
    ResponseOutparam::set(out, Ok(response));
    Some(to)
}

/// Returns the head of a request.
fn head(request: &IncomingRequest) -> Option<request::Parts> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.headers = headers(&request.headers())?;
    head.method = method(&request.method());
    let path = request.path_with_query().unwrap_or_else(|| "/".to_owned());
    head.uri = PathAndQuery::try_from(path).ok().map(Uri::from)?;
    // wasmtime removes `Host` from the headers. The authority is the first one if there are several.
    if let Some(host) = request.authority().and_then(|host| HeaderValue::try_from(host).ok()) {
        head.headers.entry(http::header::HOST).or_insert(host);
    }
    Some(head)
}

fn headers(fields: &Fields) -> Option<HeaderMap> {
    let entries = fields.entries().into_iter().map(|(name, value)| {
        let name = HeaderName::try_from(name).ok()?;
        Some((name, HeaderValue::from_maybe_shared(Bytes::from(value)).ok()?))
    });
    let mut headers = HeaderMap::new();
    for entry in entries {
        let (name, value) = entry?;
        headers.append(name, value);
    }
    Some(headers)
}

fn method(method: &WasiMethod) -> Method {
    match method {
        WasiMethod::Post => Method::POST,
        WasiMethod::Get => Method::GET,
        WasiMethod::Head => Method::HEAD,
        WasiMethod::Delete => Method::DELETE,
        // The SDK refuses all other methods in the same way.
        _ => Method::OPTIONS,
    }
}
