//! Answers HTTP requests: hyper in front of the server's HTTP service.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use oge_mcp_server::cors;
use oge_mcp_server::http::{Checked, MAX_BYTES, Service, plain};
use oge_mcp_server::oge_toolbox::OgeToolbox;
use oge_mcp_server::server::Server;
use oge_tools::client::TransportError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::env::HostEnv;
use super::late::{LateBody, respond};

/// How long a client may take to send its message.
const MESSAGE: Duration = Duration::from_secs(30);

/// The MCP server over HTTP.
pub(super) struct Http {
    env: HostEnv,
    service: Service<OgeToolbox<HostEnv>>,
    /// One permit a call.
    calls: Arc<Semaphore>,
    /// The version of the settings that the access rules were read from.
    version: Cell<u32>,
}

impl Http {
    /// Returns a server that makes `max_calls` calls at the same time.
    pub(super) fn new(env: HostEnv, max_calls: u32) -> Rc<Self> {
        let server = Server::new(OgeToolbox::new(env.clone()));
        let version = Cell::new(env.version());
        let service = Service::new(server, env.access());
        Rc::new(Self { env, service, calls: Arc::new(Semaphore::new(max_calls as usize)), version })
    }

    /// Answers one request. Dropping the future or the response's body ends the call.
    pub(super) async fn answer(self: Rc<Self>, request: Request<Incoming>) -> Response<LateBody> {
        let now = self.env.version();
        if self.version.replace(now) != now {
            self.service.admit(self.env.access());
        }
        let (head, body) = request.into_parts();
        let page = self.service.page(&head.headers);
        let mut response = match self.service.check(head, async |_| read(body).await).await {
            Checked::Answer(response) => response.map(LateBody::whole),
            Checked::Call(permitted) => match Arc::clone(&self.calls).try_acquire_owned() {
                Ok(permit) => {
                    let may_begin_early = permitted.may_begin_early;
                    let call = async move {
                        let response = self.service.call(permitted).await;
                        // Held until the whole response is sent.
                        response.map(|body| {
                            body.map_frame(move |frame| (&permit, frame).1).boxed_unsync()
                        })
                    };
                    respond(call, may_begin_early).await
                }
                Err(_) => busy().map(LateBody::whole),
            },
        };
        cors::allow(&page, response.headers_mut());
        response
    }
}

fn busy() -> oge_mcp_server::http::HttpResponse {
    let message =
        "the server is making as many calls as it may (--max-calls); try again in a second\n";
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Reads a request's body to its end.
async fn read(body: Incoming) -> Result<Vec<u8>, TransportError> {
    match timeout(MESSAGE, Limited::new(body, MAX_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(TransportError::TooLarge { limit: MAX_BYTES })
        }
        Ok(Err(error)) => Err(TransportError::Network(error.to_string())),
        Err(_) => Err(TransportError::Timeout { after: MESSAGE }),
    }
}
