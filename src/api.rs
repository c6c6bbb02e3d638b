//! One request to any endpoint under the call rule, for hosts that need more than the tools.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::de::IgnoredAny;

use crate::authorization::Authorization;
use crate::client::{Client, Clock, Transport};
use crate::error::{Failure, Fault};
use crate::log::Event;
use crate::request::{Header, Method, Request};
use crate::secret::Secret;
use crate::settings::{MAX_TIMEOUT_SECONDS, Settings};
use crate::token::TokenStore;
use crate::url::Url;

/// The operation's label.
pub const OPERATION: &str = "API调用";
/// The default time limit of one attempt, in seconds.
pub const TIMEOUT_SECONDS: u32 = 120;

/// The arguments. The WIT documents each.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Arguments {
    pub url: String,
    pub method: Option<String>,
    pub json: Option<String>,
    pub query: Option<Vec<(String, String)>>,
    pub headers: Option<Vec<(String, Secret)>>,
    pub timeout_seconds: Option<u32>,
    pub auto_retry_on_token_expire: Option<bool>,
    pub use_intranet_token: Option<bool>,
    pub auth_token: Option<Secret>,
}

impl fmt::Debug for Arguments {
    /// Omits everything that may hold a secret, such as the query and the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arguments").field("method", &self.method).finish_non_exhaustive()
    }
}

/// An accepted response. The WIT's `response` documents each field.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Output {
    pub body: String,
    pub content_type: Option<String>,
    pub elapsed: Duration,
    pub attempts: u8,
}

impl<S: Transport, T: TokenStore, C: Clock, O: Fn(&str, Event<'_>)> Client<S, T, C, O> {
    /// Sends one request to any endpoint.
    ///
    /// # Errors
    /// One of the WIT's `failure-kind`.
    pub async fn call_api(&self, arguments: Arguments) -> Result<Output, Failure> {
        let result = self.try_call_api(arguments).await;
        if let Err(failure) = &result {
            (self.observe)(OPERATION, Event::Failed(failure));
        }
        result
    }

    async fn try_call_api(&self, arguments: Arguments) -> Result<Output, Failure> {
        let started = self.clock.monotonic();
        let (request, authorization) =
            prepare(arguments, &self.settings).map_err(|fault| fault.into_failure(OPERATION))?;
        let response = self.call(&request, &authorization).await?;
        let (content_type, attempts) = (response.content_type.clone(), response.attempts);
        let body = response.into_json(OPERATION)?;
        let elapsed = self.clock.monotonic().saturating_sub(started);
        (self.observe)(OPERATION, Event::Accepted { elapsed });
        Ok(Output { body, content_type, elapsed, attempts })
    }
}

fn prepare(arguments: Arguments, settings: &Settings) -> Result<(Request, Authorization), Fault> {
    let mut url =
        Url::parse(&arguments.url).map_err(|error| Fault::Argument("url", error.0.to_owned()))?;
    for (name, value) in arguments.query.iter().flatten() {
        url = url.with_query(name, value);
    }
    if url.is_too_long() {
        return Err(Fault::Argument("query", "makes the URL longer than 32 KiB".to_owned()));
    }
    let method = match &arguments.method {
        None => Method::post(),
        Some(method) => Method::parse(method).ok_or_else(|| {
            let problem = "is not an HTTP method that can be sent; pass one such as GET or POST";
            Fault::Argument("method", problem.to_owned())
        })?,
    };
    if let Some(Err(error)) = arguments.json.as_deref().map(serde_json::from_str::<IgnoredAny>) {
        return Err(Fault::Argument("json", format!("is not JSON: {error}")));
    }
    let timeout = match arguments.timeout_seconds {
        None => settings.timeout(TIMEOUT_SECONDS),
        Some(seconds) if (1..=MAX_TIMEOUT_SECONDS).contains(&seconds) => {
            Duration::from_secs(seconds.into())
        }
        Some(seconds) => {
            let problem = format!("is {seconds}; it must be 1 to {MAX_TIMEOUT_SECONDS}");
            return Err(Fault::Argument("timeout_seconds", problem));
        }
    };
    let authorization = match &arguments.auth_token {
        Some(token) => Authorization::caller(token)?,
        None if arguments.use_intranet_token.unwrap_or(false) => {
            Authorization::Store { retry: arguments.auto_retry_on_token_expire.unwrap_or(true) }
        }
        None => Authorization::FromHeaders,
    };
    let mut request = Request::json(OPERATION, method, url, arguments.json, timeout);
    if let Some(headers) = arguments.headers {
        let given = parse_headers(&headers)?;
        merge_headers(&mut request.headers, given, &authorization);
    }
    Ok((request, authorization))
}

/// The size limit of all headers together. Hosts refuse more.
const MAX_HEADER_BYTES: usize = 48 * 1024;

fn parse_headers(headers: &[(String, Secret)]) -> Result<Vec<Header>, Fault> {
    let size = |(name, value): &(String, Secret)| name.len() + value.expose().len() + 64;
    if headers.iter().map(size).sum::<usize>() > MAX_HEADER_BYTES {
        return Err(Fault::Argument(
            "headers",
            "are too many or too long; pass at most 48 KiB".to_owned(),
        ));
    }
    let parse = |(index, (name, value)): (usize, &(String, Secret))| {
        Header::parse(name, value.expose()).map_err(|problem| {
            Fault::Argument("headers", format!("has an entry {} that {problem}", index + 1))
        })
    };
    headers.iter().enumerate().map(parse).collect()
}

/// Returns the headers to send. If a token is sent, its `Authorization` replaces the caller's. `Content-Type`
/// and `Accept` default to JSON.
fn merge_headers(headers: &mut Vec<Header>, given: Vec<Header>, authorization: &Authorization) {
    if *authorization == Authorization::FromHeaders {
        *headers = given;
        return;
    }
    headers.retain(|default| given.iter().all(|header| header.name != default.name));
    headers.extend(given.into_iter().filter(|header| header.name != "authorization"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test::settings;

    fn prepared(arguments: Arguments) -> Result<(Request, Authorization), Fault> {
        prepare(arguments, &settings())
    }

    fn to(url: &str) -> Arguments {
        Arguments { url: url.to_owned(), ..Arguments::default() }
    }

    fn headers(pairs: &[(&str, &str)]) -> Option<Vec<(String, Secret)>> {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect())
    }

    fn sent(request: &Request) -> Vec<(&str, &str)> {
        request.headers.iter().map(|header| (header.name.as_str(), header.value.expose())).collect()
    }

    #[test]
    fn the_callers_token_comes_before_the_stores_and_both_before_headers() {
        let all = Arguments {
            auth_token: Some(Secret::new("mine")),
            use_intranet_token: Some(true),
            headers: headers(&[("Authorization", "Basic x"), ("X-A", "1")]),
            ..to("http://h/")
        };
        let (request, authorization) = prepared(all.clone()).unwrap();
        assert_eq!(authorization, Authorization::Caller(Secret::new("Bearer mine")));
        assert_eq!(sent(&request), [("content-type", "application/json"), ("x-a", "1")]);

        let store = Arguments { auth_token: None, ..all };
        let (request, authorization) = prepared(store.clone()).unwrap();
        assert_eq!(authorization, Authorization::Store { retry: true });
        assert_eq!(sent(&request), [("content-type", "application/json"), ("x-a", "1")]);

        let as_given = Arguments { use_intranet_token: None, ..store };
        let (request, authorization) = prepared(as_given).unwrap();
        assert_eq!(authorization, Authorization::FromHeaders);
        assert_eq!(sent(&request), [("authorization", "Basic x"), ("x-a", "1")]);
    }

    #[test]
    fn the_retry_can_be_switched_off() {
        let arguments = Arguments {
            use_intranet_token: Some(true),
            auto_retry_on_token_expire: Some(false),
            ..to("http://h/")
        };
        assert_eq!(prepared(arguments).unwrap().1, Authorization::Store { retry: false });
    }

    #[test]
    fn a_content_type_of_the_caller_stands() {
        let arguments = Arguments {
            auth_token: Some(Secret::new("t")),
            headers: headers(&[("Content-Type", "text/plain")]),
            ..to("http://h/")
        };
        assert_eq!(sent(&prepared(arguments).unwrap().0), [("content-type", "text/plain")]);
    }

    #[test]
    fn pairs_are_added_to_the_urls_own_query() {
        let query = Some([("b".to_owned(), "1 2".to_owned())].to_vec());
        let (request, _) = prepared(Arguments { query, ..to("http://h/p?a=1") }).unwrap();
        assert_eq!(request.url.path_and_query(), "/p?a=1&b=1%202");
    }

    #[test]
    fn bad_arguments_are_named() {
        for (name, arguments) in [
            ("url", to("ftp://h/")),
            ("method", Arguments { method: Some("GET /".to_owned()), ..to("http://h/") }),
            ("json", Arguments { json: Some("{".to_owned()), ..to("http://h/") }),
            ("headers", Arguments { headers: headers(&[("X-A", "a\r\nb")]), ..to("http://h/") }),
            ("timeout_seconds", Arguments { timeout_seconds: Some(0), ..to("http://h/") }),
            ("auth_token", Arguments { auth_token: Some(Secret::new("")), ..to("http://h/") }),
        ] {
            let Err(Fault::Argument(named, _)) = prepared(arguments) else {
                panic!("a bad {name} was taken");
            };
            assert_eq!(named, name);
        }
    }
}
