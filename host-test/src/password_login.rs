//! The authority that the settings name, over this host's client.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Request;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use oge_oauth::{Credentials, Issued};
use oge_tools::call::SendError;
use oge_tools::error::Fault;
use oge_tools::reply::Reply;
use oge_tools::token::TokenError;

use crate::client::HttpClient;
use crate::http_error::from_chain;
use crate::store::Authority;

/// What a token answer may hold.
const ANSWER_BYTES: usize = 1 << 20;

/// Logs in with a name and a password.
pub struct PasswordLogin {
    client: HttpClient,
    /// Or the setting that is missing: a store may start with a given token and never need it.
    credentials: Result<Credentials, Fault>,
}

impl PasswordLogin {
    /// A login with the credentials that `get`, which answers a setting's value, tells.
    #[must_use]
    pub fn new(client: HttpClient, get: impl Fn(&str) -> Option<String>) -> Self {
        Self { client, credentials: Credentials::read(get) }
    }

    async fn send(&self, credentials: &Credentials) -> Result<Reply, SendError> {
        let network = |error: &(dyn std::error::Error + 'static)| {
            SendError::Network(from_chain(error).to_string())
        };
        let request = credentials.request();
        let origin = request.url.origin();
        let body = request.body.unwrap_or_default();
        let outgoing = request
            .headers
            .iter()
            .fold(Request::builder(), |builder, header| {
                builder.header(&header.name, header.value.expose())
            })
            .method(request.method.as_str())
            .uri(format!("{origin}{}", request.url.path_and_query()))
            .header(http::header::CONTENT_LENGTH, body.len())
            .body(HttpClient::body(body))
            .map_err(|error| network(&error))?;
        let response = self.client.send(outgoing).await.map_err(|error| network(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES);
        let body = body.collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                SendError::TooLarge { limit: ANSWER_BYTES }
            } else {
                network(&*error)
            }
        })?;
        Ok(Reply { status, content_type: None, body: body.to_bytes().into() })
    }
}

impl Authority for PasswordLogin {
    fn can_log_in(&self) -> bool {
        self.credentials.is_ok()
    }

    fn login(&self) -> BoxFuture<'_, Result<Issued, TokenError>> {
        async {
            let credentials = match &self.credentials {
                Ok(credentials) => credentials,
                Err(Fault::Setting(name, _) | Fault::Argument(name, _)) => {
                    return Err(TokenError::NotConfigured((*name).to_owned()));
                }
            };
            match self.send(credentials).await {
                Ok(reply) => credentials.answer(reply),
                Err(error) => Err(credentials.unanswered(&error)),
            }
        }
        .boxed()
    }
}
