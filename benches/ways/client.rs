//! hyper's pooled client without the tools: the cost of HTTP.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use oge_tools::client::{Transport, TransportError};
use oge_tools::request::Request;
use oge_tools::response::Response;
use oge_tools::secret::Secret;
use oge_tools::settings::Settings;
use oge_tools::tools::{QueryTaskStatus, RunBigQuery, Tool};
use tokio::time::timeout;

use super::native::{arguments, settings};
use super::{Way, call};
use crate::mock::MockProcess;

/// A client with keep-alive connections. Clones share them.
#[derive(Clone)]
pub(crate) struct Wire {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    max_reply_bytes: usize,
}

impl Wire {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { http, max_reply_bytes: settings.max_reply_bytes }
    }

    /// Returns a way that sends the tools' requests with a valid token, without call rule and token store.
    pub(crate) fn wire(mock: &mut MockProcess) -> anyhow::Result<Way> {
        let settings = settings(mock.settings())?;
        let client = Self::new(&settings);
        let token = Secret::new(mock.issue_token()?);
        let repeat = |request: Request| {
            let shared = std::sync::Arc::new((client.clone(), request, token.clone()));
            call(move || {
                let shared = std::sync::Arc::clone(&shared);
                async move {
                    let (client, request, token) = &*shared;
                    let response = client.send(request, Some(token)).await.expect("a response");
                    assert_eq!(response.status, 200);
                }
            })
        };
        Ok(Way {
            name: "wire",
            status: repeat(prepared::<QueryTaskStatus>(arguments(), &settings)?),
            query: Some(repeat(prepared::<RunBigQuery>(Default::default(), &settings)?)),
        })
    }

    /// Sends a GET and asserts the status 200.
    pub(crate) async fn get(&self, uri: http::Uri) {
        let response = self.http.get(uri).await.expect("a response");
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.expect("all of it");
    }
}

fn prepared<T: Tool>(arguments: T::Arguments, settings: &Settings) -> anyhow::Result<Request> {
    let prepared = T::prepare(arguments, settings, || std::time::Duration::ZERO);
    Ok(prepared.map_err(|fault| fault.into_failure(T::OPERATION))?.request)
}

impl Transport for Wire {
    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        let uri = format!("{}{}", request.url.origin(), request.url.path_and_query());
        let mut outgoing = http::Request::builder().method(request.method.as_str()).uri(uri);
        for header in &request.headers {
            outgoing = outgoing.header(&header.name, header.value.expose());
        }
        if let Some(authorization) = authorization {
            outgoing = outgoing.header(http::header::AUTHORIZATION, authorization.expose());
        }
        let body = request.body.clone().unwrap_or_default();
        let outgoing = outgoing.body(Full::from(body)).map_err(network)?;
        let exchange = async {
            let response = self.http.request(outgoing).await.map_err(network)?;
            let status = response.status().as_u16();
            let content_type = response.headers().get(http::header::CONTENT_TYPE);
            let content_type = content_type.and_then(|value| Some(value.to_str().ok()?.to_owned()));
            let body = Limited::new(response.into_body(), self.max_reply_bytes).collect().await;
            let body = body.map_err(|error| TransportError::Network(error.to_string()))?.to_bytes();
            Ok(Response { status, content_type, body: body.into(), ..Response::default() })
        };
        let late = |_| TransportError::Timeout { after: request.timeout };
        timeout(request.timeout, exchange).await.map_err(late)?
    }
}

fn network(error: impl std::error::Error) -> TransportError {
    TransportError::Network(error.to_string())
}
