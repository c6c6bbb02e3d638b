//! What the mock remembers of its requests.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::route::Route;
use crate::urlencoded;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The platform's answer. On [`Route::Token`], a token was issued.
    Accepted,
    /// The token was not good.
    Expired,
    /// The token was good, but the request was not: method, type or JSON. On [`Route::Token`],
    /// that or the credentials.
    Refused,
    /// A [`Fault`](crate::Fault) answered in the platform's place, or made the answer unreadable.
    Fault,
}

/// One request. Its `Debug` has no header, query or body, since those hold tokens and passwords.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// Its place among all requests to this mock, from 1; never used again.
    pub sequence: u64,
    /// The endpoint.
    pub route: Route,
    /// The method.
    pub method: Method,
    /// The path, as sent.
    pub path: String,
    /// The query's pairs, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The query as sent, without the question mark.
    pub raw_query: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether the token was good when the request came, also where a fault answered. On
    /// [`Route::Token`], whether a token was issued.
    pub authorized: bool,
    /// What became of it.
    pub outcome: Outcome,
}

impl Recorded {
    /// The body as JSON; `Null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first header of that name, where it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first value of that name in the query.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<&str> {
        urlencoded::value(&self.query, name)
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recorded")
            .field("sequence", &self.sequence)
            .field("route", &self.route)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("authorized", &self.authorized)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// One request as a line on a screen: nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its place among all requests to this mock, from 1.
    pub sequence: u64,
    /// The endpoint.
    pub route: Route,
    /// The method.
    pub method: Method,
    /// What became of it.
    pub outcome: Outcome,
    /// The HTTP status of the answer, where a readable one is sent.
    pub status: Option<StatusCode>,
}
