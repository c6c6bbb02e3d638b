//! The call rule: authorize → send → classify → refresh → rebuild → send.
//!
//! A retry sends the same [`Request`] again, so method, URL, query and body cannot differ. Its
//! `Authorization` is built from the new token.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::cell::LazyCell;
use core::convert::Infallible;
use core::future::Future;
use core::time::Duration;

use crate::authorization::Authorization;
use crate::error::{Failure, FailureKind};
use crate::log::{Event, Seconds};
use crate::outcome::{Classified, Expiry, Outcome, classify};
use crate::request::{Header, Request};
use crate::response::{Body, NotJson, Response, TooLarge, is_redirect};
use crate::secret::{Redactor, Secret};
use crate::settings::Settings;
use crate::token::{Token, TokenError, TokenStore};
use crate::trace::{self, TraceParent};
use crate::url::Origin;

/// Sends one request within the request's deadline. Each shell implements it.
pub trait Transport {
    /// Sends `request` and reads the response. If `authorization` is `None`, the request's own headers decide.
    fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> impl Future<Output = Result<Response, TransportError>>;
}

/// The transport of a program that sends nothing.
impl Transport for Infallible {
    async fn send(
        &self,
        _request: &Request,
        _authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        match *self {}
    }
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The deadline passed.
    Timeout {
        /// How long the attempt took.
        after: Duration,
    },
    /// The connection could not be made, or broke. The text gives the cause.
    Network(String),
    /// The response was larger than this many bytes.
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

impl From<TooLarge> for TransportError {
    fn from(TooLarge { limit }: TooLarge) -> Self {
        Self::TooLarge { limit }
    }
}

/// Reads the time, and waits.
pub trait Clock {
    /// Returns the time since an arbitrary fixed point. It never goes back.
    fn monotonic(&self) -> Duration;
    /// Returns the time since 1970, UTC.
    fn wall(&self) -> Duration;
    /// Waits for this time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
}

/// The client of the platform: its settings, transport, token store and clock, and an observer.
#[derive(Debug)]
pub struct Client<S, T, C, O> {
    /// The settings of the tools.
    pub settings: Settings,
    /// Sends requests.
    pub transport: S,
    /// Holds the token.
    pub token_store: T,
    /// Reads the time, and waits.
    pub clock: C,
    /// Called with the operation's label and each event.
    pub observe: O,
    /// Hides the secrets that the process knows. Each call adds the secrets that it sends.
    pub redactor: Redactor,
    /// The trace that the calls belong to. It is sent with each request that has none of its own.
    pub trace: Option<TraceParent>,
}

/// A response that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The body.
    pub body: Body,
    /// The `Content-Type`, if there was one.
    pub content_type: Option<String>,
    /// Requests sent: 1 or 2.
    pub attempts: u8,
    /// The setting or argument that gave the URL.
    url_from: &'static str,
    /// The largest response in bytes, also after it is escaped into JSON.
    limit: usize,
    redactor: Redactor,
}

impl Accepted {
    /// Checks that the response can be a tool's result.
    ///
    /// # Errors
    /// Fails with `bad-reply` if it is a page, empty, broken JSON, or bytes that are not text.
    pub fn check(&self, operation: &'static str) -> Result<(), Failure> {
        let Some(what) = self.body.no_result(self.content_type.as_deref()) else { return Ok(()) };
        let error = match &self.body.top {
            Err(error @ NotJson::Syntax(_)) if what.ends_with("JSON") => format!(" ({error})"),
            _ => String::new(),
        };
        let from = self.url_from;
        let why = format!(
            "the platform answered {what}{error} in place of a result; check {from}, and whether a \
             gateway in between asks for a login"
        );
        Err(self.unreadable(operation, &why))
    }

    /// Returns the failure for a response that a tool cannot read.
    #[must_use]
    pub fn unreadable(&self, operation: &'static str, why: &str) -> Failure {
        self.failure(FailureKind::BadReply, operation, why, self.redactor.excerpt(&self.body.text))
    }

    /// Returns the failure for a response in which the platform reports one.
    #[must_use]
    pub fn failed(&self, operation: &'static str) -> Failure {
        let Quoted { why, excerpt } = Quoted::of(&self.body, &self.redactor);
        let message = format!("the platform answered {why}");
        self.failure(FailureKind::Api, operation, &message, excerpt)
    }

    /// Returns the body as JSON text. A body that is not JSON becomes a string inside a JSON object.
    ///
    /// # Errors
    /// Fails with `reply-too-large` if the escaped text is larger than `limit`.
    pub fn into_json(mut self, operation: &'static str) -> Result<String, Failure> {
        let body = core::mem::take(&mut self.body);
        body.into_json(self.content_type.as_deref(), self.limit).map_err(|TooLarge { limit }| {
            let why = format!(
                "the platform's answer is not JSON, and with its marks escaped it is larger than \
                 {limit} bytes; ask for less, or raise OGE_MAX_REPLY_BYTES"
            );
            Failure {
                attempts: self.attempts,
                http_status: Some(200),
                ..Failure::new(FailureKind::ReplyTooLarge, operation, why)
            }
        })
    }

    fn failure(
        &self,
        kind: FailureKind,
        operation: &'static str,
        message: &str,
        excerpt: String,
    ) -> Failure {
        Failure {
            attempts: self.attempts,
            http_status: Some(200),
            api_code: code(&self.body),
            body: Some(excerpt),
            ..Failure::new(kind, operation, message)
        }
    }
}

impl<S: Transport, T: TokenStore, C: Clock, O: Fn(&str, Event<'_>)> Client<S, T, C, O> {
    /// Sends `request` under the call rule.
    ///
    /// # Errors
    /// Fails with one of the WIT's `failure-kind`s.
    pub async fn call(
        &self,
        request: &Request,
        authorization: &Authorization,
    ) -> Result<Accepted, Failure> {
        // The platform may echo the caller's headers, so their values are hidden too.
        let private = request.headers.iter().filter(|header| header.is_private());
        let redactor = private.fold(self.redactor.clone(), |redactor, header| {
            redactor.hide_authorization(&header.value)
        });
        let traced = self.trace.as_ref().and_then(|trace| with_trace(request, trace));
        let sent = traced.as_ref().unwrap_or(request);
        let mut call = Call { client: self, request: sent, attempts: 0, redactor };
        let classified = call.run(authorization).await?;
        Ok(Accepted {
            limit: self.settings.max_reply_bytes,
            body: classified.body,
            content_type: classified.content_type,
            url_from: request.url_from,
            attempts: call.attempts,
            redactor: call.redactor,
        })
    }
}

/// Returns the request with the header of this trace. `None` if it has one already.
fn with_trace(request: &Request, trace: &TraceParent) -> Option<Request> {
    if request.headers.iter().any(|header| header.name == trace::HEADER) {
        return None;
    }
    let mut request = request.clone();
    let value = Secret::new(trace.as_str());
    request.headers.push(Header { name: trace::HEADER.into(), value });
    Some(request)
}

/// One call in progress.
struct Call<'a, S, T, C, O> {
    client: &'a Client<S, T, C, O>,
    request: &'a Request,
    attempts: u8,
    /// Hides every `Authorization` sent so far.
    redactor: Redactor,
}

impl<S: Transport, T: TokenStore, C: Clock, O: Fn(&str, Event<'_>)> Call<'_, S, T, C, O> {
    async fn run(&mut self, authorization: &Authorization) -> Result<Classified, Failure> {
        match authorization {
            Authorization::Caller(token) => {
                self.once(Some(token), "the platform refused the given auth_token").await
            }
            Authorization::FromHeaders => {
                self.once(None, "the platform refused the call as its headers authorize it").await
            }
            Authorization::Store { retry } => self.with_store(*retry).await,
        }
    }

    /// Sends the request with the store's token. If that has expired, refreshes it and sends again, once.
    async fn with_store(&mut self, retry: bool) -> Result<Classified, Failure> {
        let Client { settings, token_store, observe, .. } = self.client;
        let origin = self.request.url.origin();
        if !settings.may_get_token(origin) {
            let message = format!(
                "url leads to {origin}, which must not get the platform's token; use an endpoint of \
                 the platform, or name the origin in OGE_ALLOWED_ORIGINS"
            );
            return Err(self.failure(FailureKind::InvalidArgument, message));
        }
        let token = match token_store.get().await {
            Ok(token) => token,
            Err(error) => return Err(self.no_token(&error)),
        };
        let first = self.attempt(Some(&token.authorization)).await?;
        let expiry = match first.outcome {
            Outcome::Expired(expiry) if retry => expiry,
            _ => {
                let expired = "the token has expired, and auto_retry_on_token_expire is off";
                return self.accept(first, expired);
            }
        };
        observe(self.request.operation, Event::Expired(expiry));
        let renewed = match token_store.refresh(Some(token.generation)).await {
            Ok(renewed) => differs(renewed, &token),
            Err(error) => Err(error),
        };
        let renewed = match renewed {
            Ok(renewed) => renewed,
            Err(error) => {
                let excerpt = self.redactor.excerpt(&first.body.text);
                return Err(with_response(self.no_token(&error), &first, excerpt));
            }
        };
        observe(self.request.operation, Event::Refreshed);
        drop(first);
        self.once(Some(&renewed.authorization), "the platform refused the renewed token as well")
            .await
    }

    /// Sends the request without a retry. `expired` is the failure's message if the token has expired.
    async fn once(
        &mut self,
        authorization: Option<&Secret>,
        expired: &str,
    ) -> Result<Classified, Failure> {
        let classified = self.attempt(authorization).await?;
        self.accept(classified, expired)
    }

    async fn attempt(&mut self, authorization: Option<&Secret>) -> Result<Classified, Failure> {
        self.attempts += 1;
        if let Some(authorization) = authorization {
            self.redactor = core::mem::take(&mut self.redactor).hide_authorization(authorization);
        }
        let Client { settings, transport, clock, observe, .. } = self.client;
        observe(self.request.operation, Event::Sending { attempt: self.attempts });
        let started = clock.monotonic();
        match transport.send(self.request, authorization).await {
            Ok(response) => {
                observe(self.request.operation, Event::Reading { attempt: self.attempts });
                let limit = settings.max_reply_bytes;
                classify(response, &settings.expired_codes, limit)
                    .map_err(|error| self.not_answered(&error.into(), Duration::ZERO))
            }
            Err(error) => {
                let after = clock.monotonic().saturating_sub(started);
                Err(self.not_answered(&error, after))
            }
        }
    }

    /// Returns the accepted response, or the failure that the platform reported.
    fn accept(&self, classified: Classified, expired: &str) -> Result<Classified, Failure> {
        let quoted = LazyCell::new(|| Quoted::of(&classified.body, &self.redactor));
        let why = || &quoted.why;
        let (kind, message) = match classified.outcome {
            Outcome::Accepted => return Ok(classified),
            Outcome::Undecoded => {
                (FailureKind::BadReply, format!("the platform's answer cannot be read: {}", why()))
            }
            Outcome::Forbidden => {
                let message = format!(
                    "the platform does not allow this account to do this (HTTP 403, {}); a new token \
                     would not help",
                    why()
                );
                (FailureKind::Forbidden, message)
            }
            Outcome::Expired(Expiry::Code(_)) => {
                (FailureKind::Unauthorized, format!("{expired} ({})", why()))
            }
            Outcome::Expired(Expiry::Status) => {
                (FailureKind::Unauthorized, format!("{expired} (HTTP 401)"))
            }
            Outcome::Failed => {
                let message = match classified.status {
                    200 => format!("the platform answered {}", why()),
                    status if is_redirect(status) => self.redirected(&classified),
                    status @ (404 | 405) => self.not_found(status, why()),
                    status => format!("the platform answered HTTP {status}: {}", why()),
                };
                (FailureKind::Api, message)
            }
        };
        Err(with_response(self.failure(kind, message), &classified, quoted.excerpt.clone()))
    }

    /// Describes a response to a URL that is probably wrong. Omits the URL's query, which may hold a secret.
    fn not_found(&self, status: u16, why: &str) -> String {
        let Request { method, url, url_from, .. } = self.request;
        let path = url.path_and_query().split('?').next().unwrap_or_default();
        let path = self.redactor.excerpt(path);
        let method = method.as_str();
        format!(
            "the platform answered HTTP {status} to {method} {path}: {why}; check whether {url_from} is right"
        )
    }

    /// Describes a redirect by its target's origin only, because a path or query may hold a secret.
    fn redirected(&self, classified: &Classified) -> String {
        let Request { url, url_from, .. } = self.request;
        let status = classified.status;
        let origin =
            classified.location.as_deref().and_then(|to| Origin::of_location(to, url.origin()));
        let to = match origin {
            Some(origin) if origin == *url.origin() => format!("another path of {origin}"),
            Some(origin) => self.redactor.excerpt(&format!("{origin}")),
            None => "an address that cannot be read".to_owned(),
        };
        format!(
            "the platform answered HTTP {status} and redirects to {to}; redirects are not followed, so \
             correct {url_from} if the platform has moved there"
        )
    }

    fn no_token(&self, error: &TokenError) -> Failure {
        self.failure(error.into(), self.redactor.excerpt(&format!("{error}")))
    }

    fn not_answered(&self, error: &TransportError, after: Duration) -> Failure {
        let origin = self.request.url.origin();
        let (kind, message) = match error {
            TransportError::Timeout { after } => (
                FailureKind::Timeout,
                format!("no complete answer from {origin} within {} s", Seconds(*after)),
            ),
            TransportError::Network(how) => (
                FailureKind::Network,
                format!(
                    "no answer from {origin} after {} s: {}",
                    Seconds(after),
                    self.redactor.excerpt(how)
                ),
            ),
            TransportError::TooLarge { limit } => (
                FailureKind::ReplyTooLarge,
                format!(
                    "the answer from {origin} is larger than {limit} bytes; ask for less, or raise \
                     OGE_MAX_REPLY_BYTES"
                ),
            ),
        };
        self.failure(kind, message)
    }

    fn failure(&self, kind: FailureKind, message: String) -> Failure {
        let attempts = self.attempts;
        Failure { attempts, ..Failure::new(kind, self.request.operation, message) }
    }
}

/// Adds the response that caused it to a failure.
fn with_response(failure: Failure, classified: &Classified, excerpt: String) -> Failure {
    Failure {
        http_status: Some(classified.status),
        api_code: code(&classified.body),
        body: Some(excerpt),
        ..failure
    }
}

/// Checks that the token store returned a new token, not the rejected one.
fn differs(renewed: Token, rejected: &Token) -> Result<Token, TokenError> {
    if renewed.generation == rejected.generation {
        let why = "the token store returned the rejected token again";
        return Err(TokenError::Unavailable(why.to_owned()));
    }
    Ok(renewed)
}

fn code(body: &Body) -> Option<i64> {
    body.top.as_ref().ok().and_then(|top| top.code)
}

/// The parts of a response that errors quote, without secrets. The body is searched only once.
struct Quoted {
    /// Its `code` and its reason, or its text if there is no reason.
    why: String,
    /// The start of its body.
    excerpt: String,
}

impl Quoted {
    fn of(body: &Body, redactor: &Redactor) -> Self {
        let search = redactor.search();
        let excerpt = search.excerpt(&body.text);
        let reason = match &body.top {
            Ok(top) => top.msg.as_deref(),
            Err(NotJson::Undecoded(why)) => Some(&**why),
            Err(_) => None,
        };
        let text = match reason {
            Some(reason) => search.excerpt(reason),
            None if body.text.trim().is_empty() => "nothing".to_owned(),
            None => excerpt.trim().to_owned(),
        };
        let why = match code(body) {
            Some(code) => format!("code {code}: {text}"),
            None => text,
        };
        Self { why, excerpt }
    }
}
