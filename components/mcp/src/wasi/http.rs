//! MCP over Streamable HTTP without sessions: access control, then the SDK's service.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, WWW_AUTHENTICATE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use oge_tools::client::TransportError;
use oge_tools::wasi::wait::{Deadline, Wait as _};
use rmcp::model::ProtocolVersion;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use wasip2::http::types::{
    Fields, IncomingRequest, Method as WasiMethod, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

use super::body;
use super::reactor::Reactor;
use crate::access::{Access, Admitted, Refusal};
use crate::allowed_names::Page;
use crate::server::{Server, Toolbox};
use crate::{accept, cors, message};

type HttpResponse = Response<BoxBody<Bytes, Infallible>>;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

const NOT_ACCEPTABLE: &str = "responses are JSON: add application/json to Accept, or omit the header; with \
    text/event-stream as well, calls report their progress\n";

/// After how long the response of a running call is started. Only then is a client's disconnect detected.
const EARLY: Duration = Duration::from_millis(100);

/// An MCP server over HTTP.
pub struct Service<T: Toolbox> {
    access: RefCell<Rc<Access>>,
    reactor: Reactor,
    mcp: StreamableHttpService<Server<T>, NeverSessionManager>,
}

impl<T: Toolbox> Service<T> {
    /// Returns a service with these access rules.
    #[must_use]
    pub fn new(server: Server<T>, access: Access, reactor: Reactor) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            // The runtime's timers do not fire while the reactor waits.
            .with_sse_keep_alive(None)
            .with_sse_retry(None)
            .with_max_request_body_bytes(body::MAX_BYTES)
            // `access` checks hosts and origins.
            .with_allowed_hosts(Vec::<String>::new());
        let sessions = Arc::new(NeverSessionManager::default());
        let mcp = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
        Self { access: RefCell::new(Rc::new(access)), reactor, mcp }
    }

    /// Replaces the access rules.
    pub fn admit(&self, access: Access) {
        *self.access.borrow_mut() = Rc::new(access);
    }

    /// Serves one request. If a call takes longer than `EARLY`, its response is started early: then a
    /// disconnect of the client closes the body, and the call ends.
    pub async fn serve(&self, request: IncomingRequest, out: ResponseOutparam) {
        let (page, checked) = self.check(&request).await;
        let checked = match checked {
            Ok(checked) => checked,
            Err(response) => return self.respond(response, &page, out).await,
        };
        let may_begin_early = checked.may_begin_early;
        let mut call = pin!(self.call(checked));
        let early = Deadline::after(EARLY);
        tokio::select! {
            biased;
            response = &mut call => return self.respond(response, &page, out).await,
            () = self.reactor.until(&early), if may_begin_early => {}
        }
        // The SDK refuses a bad request at once, and responds to a call with 200.
        let begun = typed(StatusCode::OK, JSON, Bytes::new());
        let Some(to) = begin(begun.into_parts().0, &page, out) else { return };
        body::write_late(call, to, &self.reactor).await;
    }

    async fn respond(&self, response: HttpResponse, page: &Page, out: ResponseOutparam) {
        let (parts, body) = response.into_parts();
        let is_stream = parts.headers.get(CONTENT_TYPE).is_some_and(|value| value == EVENTS);
        if let Some(to) = begin(parts, page, out) {
            let idle = is_stream.then_some(b":\n\n".as_slice());
            body::write(body, to, idle, &self.reactor).await;
        }
    }

    /// Checks and reads a request. Returns its page, and the call or the response that ends the request.
    async fn check(
        &self,
        request: &IncomingRequest,
    ) -> (Page, Result<PermittedRequest, HttpResponse>) {
        let Some(mut headers) = headers_from_wasi(&request.headers()) else {
            let message = "the request's headers cannot be read\n";
            return (Page::None, Err(plain(StatusCode::BAD_REQUEST, message)));
        };
        // wasmtime removes `Host` from the headers. The authority is the first one if there are several.
        if let Some(host) = request.authority().and_then(|host| HeaderValue::try_from(host).ok()) {
            headers.entry(HOST).or_insert(host);
        }
        let access = Rc::clone(&self.access.borrow());
        let page = access.page(&headers);
        let path = request.path_with_query().unwrap_or_default();
        let method = method_from_wasi(&request.method());
        let checked = match path.split('?').next().unwrap_or_default() {
            "/healthz" => Err(match method {
                Method::HEAD => plain(StatusCode::OK, ""),
                _ => plain(StatusCode::OK, "ok\n"),
            }),
            "/mcp" | "/mcp/" => match access.decide(&method, &headers) {
                Ok(Admitted::Call) => self.read(request, method, headers).await,
                Ok(Admitted::Preflight) => Err(preflight(&headers)),
                Err(refusal) => Err(refused(refusal)),
            },
            _ => Err(plain(StatusCode::NOT_FOUND, "MCP is served at /mcp\n")),
        };
        (page, checked)
    }

    /// Reads the message of a permitted request.
    async fn read(
        &self,
        request: &IncomingRequest,
        method: Method,
        mut headers: HeaderMap,
    ) -> Result<PermittedRequest, HttpResponse> {
        if method == Method::POST && !accept::takes_json(&headers) {
            return Err(plain(StatusCode::NOT_ACCEPTABLE, NOT_ACCEPTABLE));
        }
        let length = headers.get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        let body =
            body::read(request, length, &self.reactor).await.map_err(|error| match error {
                TransportError::TooLarge { limit } => {
                    let message = format!("the message is larger than {limit} bytes\n");
                    plain(StatusCode::PAYLOAD_TOO_LARGE, message)
                }
                TransportError::Timeout { .. } => {
                    plain(StatusCode::REQUEST_TIMEOUT, "the message did not come in time\n")
                }
                TransportError::Network(_) => {
                    plain(StatusCode::BAD_REQUEST, "the message did not come whole\n")
                }
            })?;
        let mut body = Bytes::from(body);
        let mut reports_progress = false;
        if method == Method::POST && headers.get(CONTENT_TYPE).is_some_and(is_json_type) {
            match message::normalize(&body) {
                Ok(mut message) => {
                    if !accept::takes_events(&headers) {
                        message::forget_progress(&mut message);
                    }
                    reports_progress = message::asks_for_progress(&message);
                    body = message.to_string().into();
                    message::parse(message).map_err(|refusal| unreadable(&refusal))?;
                }
                Err(refusal) if !is_removed(&headers, &body) => return Err(unreadable(&refusal)),
                Err(_) => {}
            }
        }
        headers.insert(ACCEPT, accept::BOTH);
        let may_begin_early = method == Method::POST && !reports_progress;
        Ok(PermittedRequest { may_begin_early, method, headers, body })
    }

    async fn call(&self, checked: PermittedRequest) -> HttpResponse {
        let PermittedRequest { method, headers, body, .. } = checked;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        self.mcp.handle(request).await
    }
}

/// A permitted request.
struct PermittedRequest {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    /// Whether the response is JSON, without progress events.
    may_begin_early: bool,
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

fn preflight(request: &HeaderMap) -> HttpResponse {
    let mut response = Response::new(Full::new(Bytes::new()).boxed());
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::answer_preflight(request, response.headers_mut());
    response
}

fn headers_from_wasi(fields: &Fields) -> Option<HeaderMap> {
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

fn method_from_wasi(method: &WasiMethod) -> Method {
    match method {
        WasiMethod::Post => Method::POST,
        WasiMethod::Get => Method::GET,
        WasiMethod::Head => Method::HEAD,
        WasiMethod::Delete => Method::DELETE,
        // The SDK refuses all other methods in the same way.
        _ => Method::OPTIONS,
    }
}

fn refused(refusal: Refusal) -> HttpResponse {
    let mut response = plain(refusal.status, refusal.message);
    if let Some(challenge) = refusal.challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn is_json_type(value: &HeaderValue) -> bool {
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Returns whether a message is `initialize` in a protocol that has none. The SDK reports that error,
/// whatever its params.
fn is_removed(headers: &HeaderMap, body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        method: std::borrow::Cow<'a, str>,
    }
    let newest = ProtocolVersion::NO_INITIALIZE.as_str();
    headers.get("mcp-protocol-version").is_some_and(|version| version == newest)
        && serde_json::from_slice::<Message<'_>>(body)
            .is_ok_and(|message| message.method == "initialize")
}

/// Returns the response to a refused message: the JSON-RPC error, or a 202 if the protocol forbids one.
fn unreadable(refusal: &message::Refusal) -> HttpResponse {
    match refusal.to_json() {
        Some(error) => typed(StatusCode::BAD_REQUEST, JSON, error),
        None => plain(StatusCode::ACCEPTED, ""),
    }
}

fn plain(status: StatusCode, message: impl Into<Bytes>) -> HttpResponse {
    typed(status, "text/plain; charset=utf-8", message)
}

fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
