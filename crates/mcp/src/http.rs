//! MCP over Streamable HTTP without sessions: access control, then the SDK's service.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use oge_tools::client::TransportError;
use rmcp::model::ProtocolVersion;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use crate::access::{Access, Admitted, Refusal};
use crate::allowed_names::Page;
use crate::server::{Server, Toolbox};
use crate::{accept, cors, message};

/// A response.
pub type HttpResponse = Response<BoxBody<Bytes, Infallible>>;

/// The largest message. It may have the code for `execute_code_to_dag`.
pub const MAX_BYTES: usize = 4 << 20;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

const NOT_ACCEPTABLE: &str = "responses are JSON: add application/json to Accept, or omit the header; with \
    text/event-stream as well, calls report their progress\n";

/// An MCP server over HTTP.
pub struct Service<T: Toolbox> {
    access: RefCell<Rc<Access>>,
    server: Server<T>,
    mcp: StreamableHttpService<Server<T>, NeverSessionManager>,
}

/// What to do with a request whose head and body are read.
pub enum Checked {
    /// Respond with this.
    Answer(HttpResponse),
    /// Make this call.
    Call(Permitted),
}

/// A permitted request.
pub struct Permitted {
    /// Whether the response is JSON, without progress events.
    pub may_begin_early: bool,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl<T: Toolbox> Service<T> {
    /// Returns a service with these access rules.
    #[must_use]
    pub fn new(server: Server<T>, access: Access) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            // In a component the runtime's timers do not fire while the reactor waits.
            .with_sse_keep_alive(None)
            .with_sse_retry(None)
            .with_max_request_body_bytes(MAX_BYTES)
            // `access` checks hosts and origins.
            .with_allowed_hosts(Vec::<String>::new());
        let sessions = Arc::new(NeverSessionManager::default());
        let each = server.clone();
        let mcp = StreamableHttpService::new(move || Ok(each.clone()), sessions, config);
        Self { access: RefCell::new(Rc::new(access)), server, mcp }
    }

    /// Replaces the access rules.
    pub fn admit(&self, access: Access) {
        *self.access.borrow_mut() = Rc::new(access);
    }

    /// Returns the page that a request comes from.
    #[must_use]
    pub fn page(&self, headers: &HeaderMap) -> Page {
        self.access.borrow().page(headers)
    }

    /// Checks a request. `read` reads its body, and gets the length that the head names or 0.
    pub async fn check(
        &self,
        head: Parts,
        read: impl AsyncFnOnce(usize) -> Result<Vec<u8>, TransportError>,
    ) -> Checked {
        let Parts { method, uri, mut headers, .. } = head;
        if let Some(host) = uri.authority().and_then(|host| host.as_str().parse().ok()) {
            headers.entry(HOST).or_insert(host);
        }
        let access = Rc::clone(&self.access.borrow());
        Checked::Answer(match uri.path() {
            "/healthz" => probe(&method, Ok(())),
            "/readyz" => probe(&method, self.is_ready(&access)),
            "/metrics" => match access.decide(&method, &headers) {
                Ok(Admitted::Call) => metrics(&method, self.server.metrics()),
                Ok(Admitted::Preflight) => preflight(&headers),
                Err(refusal) => refused(refusal),
            },
            "/mcp" | "/mcp/" => match access.decide(&method, &headers) {
                Ok(Admitted::Call) => match permit(method, headers, read).await {
                    Ok(call) => return Checked::Call(call),
                    Err(response) => response,
                },
                Ok(Admitted::Preflight) => preflight(&headers),
                Err(refusal) => refused(refusal),
            },
            _ => plain(StatusCode::NOT_FOUND, "MCP is served at /mcp\n"),
        })
    }

    fn is_ready(&self, access: &Access) -> Result<(), String> {
        access.is_open_to_someone().map_err(ToOwned::to_owned)?;
        self.server.is_ready()
    }

    /// Makes a permitted call. Dropping the future ends the call.
    pub async fn call(&self, permitted: Permitted) -> HttpResponse {
        let Permitted { method, headers, body, .. } = permitted;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        self.mcp.handle(request).await
    }
}

/// Returns whether a response is a stream of events.
#[must_use]
pub fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value == EVENTS)
}

/// Returns the head of a call's response, if it begins before the call has ended. The SDK refuses a bad
/// request at once, and responds to a call with 200.
#[must_use]
pub fn early() -> HttpResponse {
    typed(StatusCode::OK, JSON, Bytes::new())
}

/// Returns a response in plain text.
pub fn plain(status: StatusCode, message: impl Into<Bytes>) -> HttpResponse {
    typed(status, "text/plain; charset=utf-8", message)
}

/// Reads the message of a permitted request.
async fn permit(
    method: Method,
    mut headers: HeaderMap,
    read: impl AsyncFnOnce(usize) -> Result<Vec<u8>, TransportError>,
) -> Result<Permitted, HttpResponse> {
    if method == Method::POST && !accept::takes_json(&headers) {
        return Err(plain(StatusCode::NOT_ACCEPTABLE, NOT_ACCEPTABLE));
    }
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
    let mut body = Bytes::from(read(length).await.map_err(unread)?);
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
    Ok(Permitted { may_begin_early, method, headers, body })
}

/// Returns the response to a probe: 200, or 503 with the reason.
fn probe(method: &Method, state: Result<(), String>) -> HttpResponse {
    let (status, text) = match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", problem.trim_end())),
    };
    plain(status, unless_head(method, text))
}

/// Returns the counters of this process, or of this instance of the component.
fn metrics(method: &Method, text: String) -> HttpResponse {
    typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", unless_head(method, text))
}

/// Returns the body of a response, which is empty if only its head was asked for.
fn unless_head(method: &Method, text: String) -> String {
    if method == Method::HEAD { String::new() } else { text }
}

fn preflight(request: &HeaderMap) -> HttpResponse {
    let mut response = Response::new(Full::new(Bytes::new()).boxed());
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::answer_preflight(request, response.headers_mut());
    response
}

fn refused(refusal: Refusal) -> HttpResponse {
    let mut response = plain(refusal.status, refusal.message);
    if let Some(challenge) = refusal.challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Returns the response to a request whose body could not be read.
fn unread(error: TransportError) -> HttpResponse {
    match error {
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
    }
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

fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
