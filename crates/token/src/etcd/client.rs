//! Sends calls to the members of a cluster: to another endpoint if one fails, and once more with a new token of
//! etcd's own authentication if the old one was rejected.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use oge_tools::client::{Transport as _, TransportError};
use oge_tools::request::{Header, Method, Request};
use oge_tools::secret::{Redactor, Secret};
use oge_tools::url::Url;
use zeroize::Zeroizing;

use super::Etcd;
use super::wire::{Answer, Call};
use crate::effects::{Guarded as _, StoreEffects};
use crate::timing::{ETCD_PAUSE, ETCD_TIMEOUT};
use crate::urgency::Urgency;

/// What an instance remembers between calls.
#[derive(Default)]
pub(super) struct Session {
    /// Counts the endpoints that failed, from a number that differs between machines: so they start with different
    /// endpoints, and each call starts with the one after those that failed.
    endpoint: Option<usize>,
    /// The token of etcd's own authentication.
    token: Option<Secret>,
}

/// Why a call failed. Has no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EtcdError {
    /// The lease of the call is over.
    LeaseOver,
    /// Any other reason: the end of a sentence about etcd.
    Other(String),
}

/// Why a request failed, each with the end of a sentence about etcd.
pub(super) enum RequestError {
    /// This endpoint failed. Another one may answer.
    Endpoint(String),
    /// A token of etcd's own authentication is missing, or was rejected.
    Unauthenticated(String),
    /// The lease of the call is over.
    LeaseOver,
    /// Each endpoint would answer the same.
    Refused(String),
}

/// The error for a response that etcd would not give.
pub(super) const NOT_ETCD: &str = "answers with something else than etcd's API; check its port";

/// The error if there is no time left for a call.
const TOO_SLOW: &str = "answers too slowly";

/// Added to an error that the user may have caused.
const CHECK_USER: &str = "; check OGE_TOKEN_ETCD_USERNAME and OGE_TOKEN_ETCD_PASSWORD";

/// The codes of gRPC that decisions are made on.
mod code {
    pub(super) const INVALID_ARGUMENT: i64 = 3;
    pub(super) const DEADLINE_EXCEEDED: i64 = 4;
    pub(super) const NOT_FOUND: i64 = 5;
    pub(super) const PERMISSION_DENIED: i64 = 7;
    pub(super) const UNAVAILABLE: i64 = 14;
    pub(super) const UNAUTHENTICATED: i64 = 16;
}

impl<E: StoreEffects> Etcd<E> {
    /// Makes a call, which may be sent more than once. Tries each endpoint in turn, again and again until its time is
    /// over: a cluster that lost its leader elects another one meanwhile. A needed call tries each endpoint at least
    /// once, since one that is silent may take all of this time.
    pub(super) async fn call(
        &self,
        effects: &E,
        call: &Call,
        urgency: Urgency,
    ) -> Result<Answer, EtcdError> {
        let started = effects.now();
        self.session.with(|session| {
            let seed = usize::try_from(started.subsec_micros()).unwrap_or_default();
            session.endpoint.get_or_insert(seed);
        });
        let endpoints = self.settings.endpoints.len();
        let min_tries = match urgency {
            Urgency::Needed => endpoints,
            Urgency::AheadOfTime { .. } => 1,
        };
        let mut tries = 0;
        loop {
            let limit = urgency.limit(ETCD_TIMEOUT, effects.now());
            if limit.is_zero() {
                return Err(EtcdError::Other(TOO_SLOW.into()));
            }
            let why = match self.attempt(call, limit).await {
                Ok(answer) => return Ok(answer),
                Err(RequestError::Unauthenticated(why)) => {
                    return Err(EtcdError::Other(why + CHECK_USER));
                }
                Err(RequestError::Refused(why)) => return Err(EtcdError::Other(why)),
                Err(RequestError::LeaseOver) => return Err(EtcdError::LeaseOver),
                Err(RequestError::Endpoint(why)) => why,
            };
            self.session.with(|session| {
                session.endpoint = session.endpoint.map(|endpoint| endpoint.wrapping_add(1));
            });
            tries += 1;
            if tries >= min_tries && effects.now().saturating_sub(started) >= ETCD_TIMEOUT {
                return Err(EtcdError::Other(why));
            }
            if tries % endpoints == 0 {
                effects.pause(ETCD_PAUSE, None).await;
            }
        }
    }

    /// Makes a call at one endpoint, with at most this time for each request. A rejected token is replaced, and the
    /// call is sent once more.
    pub(super) async fn attempt(
        &self,
        call: &Call,
        limit: Duration,
    ) -> Result<Answer, RequestError> {
        let Some((name, password)) = &self.settings.user else {
            return self.send(call, None, limit).await;
        };
        if let Some(token) = self.session.with(|session| session.token.clone()) {
            match self.send(call, Some(&token), limit).await {
                Err(RequestError::Unauthenticated(_)) => {}
                result => return result,
            }
        }
        let token = self.authenticate(name, password, limit).await?;
        self.session.with(|session| session.token = Some(token.clone()));
        self.send(call, Some(&token), limit).await
    }

    async fn authenticate(
        &self,
        name: &str,
        password: &Secret,
        limit: Duration,
    ) -> Result<Secret, RequestError> {
        match self.send(&Call::authenticate(name, password), None, limit).await {
            Ok(Answer { token, .. }) => token.ok_or_else(|| {
                RequestError::Refused("gave no token for OGE_TOKEN_ETCD_USERNAME".into())
            }),
            Err(RequestError::Refused(why)) => Err(RequestError::Unauthenticated(why)),
            Err(error) => Err(error),
        }
    }

    async fn send(
        &self,
        call: &Call,
        token: Option<&Secret>,
        limit: Duration,
    ) -> Result<Answer, RequestError> {
        let endpoints = &self.settings.endpoints;
        let endpoint = self.session.with(|session| session.endpoint.unwrap_or_default());
        let origin = endpoint.checked_rem(endpoints.len()).and_then(|at| endpoints.get(at));
        let origin = origin.map(String::as_str).unwrap_or_default();
        let url = Url::parse(&[origin, call.path].concat())
            .map_err(|error| RequestError::Refused(format!("has an endpoint that {}", error.0)))?;
        let body = Some(call.body.as_str().into());
        let request = Request::json("etcd", Method::post(), url, body, call.timeout.min(limit));
        let mut request = Zeroizing::new(request);
        request.headers.extend(
            token.map(|token| Header { name: "authorization".into(), value: token.clone() }),
        );
        let response = match self.transport.send(&request, None).await {
            Ok(response) => response,
            Err(error) => return Err(self.no_response(origin, &error)),
        };
        let (status, body) = (response.status, Zeroizing::new(response.body));
        let answer = Answer::read(&body);
        if status == 200 {
            return answer.ok_or_else(|| {
                RequestError::Endpoint(format!(
                    "answers with something else than JSON from {origin}"
                ))
            });
        }
        let Answer { code, message, .. } = answer.unwrap_or_default();
        let password = self.settings.user.iter().map(|(_, password)| password);
        let redactor = password.chain(token).fold(Redactor::default(), Redactor::hide);
        let message = redactor.excerpt(&message);
        let said = |what: &str| format!("{what} (HTTP {status} from {origin}: {message})");
        Err(match code.unwrap_or_default() {
            code::UNAVAILABLE | code::DEADLINE_EXCEEDED => {
                RequestError::Endpoint(said("has a member that cannot answer now"))
            }
            // Our calls are valid, so this one lacks a user, or its token is older than the list of users.
            code::UNAUTHENTICATED | code::INVALID_ARGUMENT => {
                RequestError::Unauthenticated(said("requires a valid user"))
            }
            code::NOT_FOUND if call.needs_lease => RequestError::LeaseOver,
            // Another service than etcd, which knows no such path.
            code::NOT_FOUND => RequestError::Refused(NOT_ETCD.into()),
            code::PERMISSION_DENIED => RequestError::Refused(said(&format!(
                "does not let this user read and write the keys that start with {}",
                self.settings.key
            ))),
            0 if status >= 500 => {
                RequestError::Endpoint(said("has a member that cannot answer now"))
            }
            0 if status == 404 => RequestError::Endpoint(said(
                "has no JSON API at this address; is it etcd 3.4 or newer?",
            )),
            0 => RequestError::Endpoint(said("has an endpoint that is not etcd")),
            _ => RequestError::Refused(said("refused the call")),
        })
    }

    fn no_response(&self, origin: &str, error: &TransportError) -> RequestError {
        RequestError::Endpoint(match error {
            TransportError::Timeout { after } => {
                format!("does not answer: nothing from {origin} within {} s{RUNS}", after.as_secs())
            }
            TransportError::Network(how) => format!("does not answer: {origin}: {how}{RUNS}"),
            // Only a value can be so large.
            TransportError::TooLarge { limit } => {
                return RequestError::Refused(format!(
                    "answers with more than {limit} bytes, so the value of {} is no state of a token; delete that key",
                    self.name
                ));
            }
        })
    }
}

/// Added to an error without a response.
const RUNS: &str = "; check that it runs and can be reached from here";
