//! The records of requests.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::route::Route;
use crate::urlencoded;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The platform accepted it. On [`Route::Token`], it issued a token; on [`Route::Tile`], it sent a tile.
    Accepted,
    /// The token was not valid.
    Expired,
    /// The token was valid, but the method, the content type or the JSON was wrong. On [`Route::Token`], one of
    /// these or the credentials; on [`Route::Tile`], the method or the address.
    Refused,
    /// A [`Fault`](crate::Fault) replaced the platform's response or made it unreadable.
    Fault,
}

/// One request. Its `Debug` has no header, query or body, since those hold tokens and passwords.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// Its number among all requests to this mock, from 1. Never reused.
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
    /// Whether the token was valid when the request arrived, even if a fault replaced the response. On
    /// [`Route::Token`], whether a token was issued; on [`Route::Tile`], whether a tile was sent.
    pub authorized: bool,
    /// The outcome.
    pub outcome: Outcome,
}

impl Recorded {
    /// Returns the body as JSON, or `Null` if it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the first header of this name, if it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the first value of this name in the query.
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

/// A request without its content: nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its number among all requests to this mock, from 1.
    pub sequence: u64,
    /// The endpoint.
    pub route: Route,
    /// The method.
    pub method: Method,
    /// The outcome.
    pub outcome: Outcome,
    /// The HTTP status of the response, if a readable one is sent.
    pub status: Option<StatusCode>,
}
