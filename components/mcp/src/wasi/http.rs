//! MCP over Streamable HTTP, without sessions: who may call, then the SDK's own service.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use oge_tools::call::SendError;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use wasip2::http::types::{
    Fields, IncomingRequest, Method as WasiMethod, OutgoingResponse, ResponseOutparam,
};

use super::body;
use super::reactor::Reactor;
use crate::access::{Access, Refusal};
use crate::server::{Server, Toolbox};

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// An MCP server over HTTP.
pub struct Service<T: Toolbox> {
    access: Access,
    reactor: Reactor,
    mcp: StreamableHttpService<Server<T>, NeverSessionManager>,
}

impl<T: Toolbox> Service<T> {
    /// Serves to whom `access` says.
    #[must_use]
    pub fn new(server: Server<T>, access: Access, reactor: Reactor) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            // The runtime's timers do not fire while it waits.
            .with_sse_keep_alive(None)
            .with_sse_retry(None)
            .with_max_request_body_bytes(body::MOST_BYTES)
            .with_allowed_hosts(access.hosts.iter().cloned())
            .with_allowed_origins(access.origins.iter().cloned())
            .enforce_origin_validation();
        let sessions = Arc::new(NeverSessionManager::default());
        let mcp = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
        Self { access, reactor, mcp }
    }

    /// Answers one request.
    pub async fn serve(&self, request: IncomingRequest, out: ResponseOutparam) {
        let answer = self.answer(request).await;
        let (parts, body) = answer.into_parts();
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), value.as_bytes().to_vec())
        };
        let headers: Vec<_> = parts.headers.iter().map(header).collect();
        let response =
            OutgoingResponse::new(Fields::from_list(&headers).unwrap_or_else(|_| Fields::new()));
        let status = response.set_status_code(parts.status.as_u16());
        if let (Ok(()), Ok(to)) = (status, response.body()) {
            ResponseOutparam::set(out, Ok(response));
            body::write(body, to, &self.reactor).await;
        }
    }

    async fn answer(&self, request: IncomingRequest) -> Answer {
        let path = request.path_with_query().unwrap_or_default();
        match path.split('?').next().unwrap_or_default() {
            "/healthz" => plain(StatusCode::OK, "ok\n"),
            "/mcp" => self.mcp(request).await,
            _ => plain(StatusCode::NOT_FOUND, "MCP is served at /mcp\n"),
        }
    }

    async fn mcp(&self, request: IncomingRequest) -> Answer {
        let Some(mut headers) = headers_from_wasi(&request.headers()) else {
            return plain(StatusCode::BAD_REQUEST, "the request's headers cannot be read\n");
        };
        if let Err(refusal) = self.access.admit(&headers) {
            return refused(refusal);
        }
        // The host takes it out of the headers.
        if let Some(host) = request.authority().and_then(|host| HeaderValue::try_from(host).ok()) {
            headers.entry(HOST).or_insert(host);
        }
        let length = headers.get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        let body = match body::read(&request, length, &self.reactor).await {
            Ok(body) => body,
            Err(SendError::TooLarge { limit }) => {
                let message = format!("the message is larger than {limit} bytes\n");
                return plain(StatusCode::PAYLOAD_TOO_LARGE, message);
            }
            Err(SendError::Timeout { .. }) => {
                return plain(StatusCode::REQUEST_TIMEOUT, "the message did not come in time\n");
            }
            Err(SendError::Network(_)) => {
                return plain(StatusCode::BAD_REQUEST, "the message did not come whole\n");
            }
        };
        let body = Bytes::from(body);
        let mut asked = Request::new(Full::new(body.clone()));
        *asked.method_mut() = method_from_wasi(&request.method());
        let claims_json = headers.get(CONTENT_TYPE).is_some_and(is_json_type);
        *asked.headers_mut() = headers;
        let answer = self.mcp.handle(asked).await;
        // The SDK's word for what it cannot read as a message.
        if claims_json && answer.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return unreadable(&body);
        }
        answer
    }
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
        // The SDK takes none of the others, and answers them alike.
        _ => Method::OPTIONS,
    }
}

fn refused(refusal: Refusal) -> Answer {
    let mut answer = plain(refusal.status, refusal.message);
    if let Some(challenge) = refusal.challenge {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

fn is_json_type(value: &HeaderValue) -> bool {
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// JSON-RPC's answer to what is no JSON, and to JSON that is no message or is nested too deep.
fn unreadable(body: &[u8]) -> Answer {
    let (code, message) = match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Err(error) => (-32700, format!("Parse error: {error}")),
        Ok(_) => (-32600, "Invalid Request: this is no JSON-RPC message of MCP".to_owned()),
    };
    let error = serde_json::json!({
        "jsonrpc": "2.0",
        "id": null,
        "error": { "code": code, "message": message },
    });
    typed(StatusCode::BAD_REQUEST, "application/json", error.to_string())
}

fn plain(status: StatusCode, message: impl Into<Bytes>) -> Answer {
    typed(status, "text/plain; charset=utf-8", message)
}

fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
