//! `api.call` as a confused deputy. For any arguments, the store's token is sent only to an origin of the
//! settings, in exactly one request.

use std::cell::RefCell;

use futures_util::FutureExt as _;
use oge_tools::api::Arguments;
use oge_tools::client::{Transport, TransportError};
use oge_tools::error::FailureKind;
use oge_tools::request::Request;
use oge_tools::response::Response;
use oge_tools::secret::Secret;

use crate::input;
use crate::platform::{scripted, settings};
use crate::url::assert_leads_to_one_place;

/// Input: a digit for the token's source, then lines with the URL, the method, the query, and each header.
pub(crate) fn target(data: &[u8]) {
    let (whose, rest) = input::choice(data, &["store", "caller", "headers"]);
    let mut lines = input::lines(rest);
    let url = lines.next().unwrap_or_default();
    let method = lines.next().filter(|method| !method.is_empty());
    let query = lines.next().map(|query| {
        let pair = |pair: &str| {
            pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        query.split('&').filter_map(pair).collect()
    });
    let header = |line: String| {
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        (name.to_owned(), Secret::new(value))
    };
    assert_leads_to_one_place(&url);
    let arguments = Arguments {
        url,
        method,
        query,
        headers: Some(lines.map(header).collect()),
        use_intranet_token: Some(whose == "store"),
        auth_token: (whose == "caller").then(|| Secret::new("mine")),
        ..Arguments::default()
    };
    let client = scripted(Wire::default());
    let result = client.call_api(arguments).now_or_never().expect("nothing here waits");
    let sent = client.transport.0.into_inner();
    if let Err(failure) = result {
        assert_eq!(failure.kind, FailureKind::InvalidArgument, "{failure}");
        return assert!(sent.is_empty(), "sent and then refused");
    }
    let [(request, token)] = &sent[..] else { panic!("sent {} times", sent.len()) };
    assert_eq!(token.is_some(), whose != "headers");
    if whose == "store" {
        assert!(
            settings().may_get_token(request.url.origin()),
            "the token went to {:?}",
            request.url
        );
    }
    assert_is_one_request(request, token.as_deref());
}

/// Asserts that the request's head has only the expected lines for every HTTP parser.
fn assert_is_one_request(request: &Request, token: Option<&str>) {
    let origin = request.url.origin();
    let mut head = vec![
        format!("{} {} HTTP/1.1", request.method.as_str(), request.url.path_and_query()),
        format!("host: {}", origin.authority()),
    ];
    head.extend(token.map(|token| format!("authorization: {token}")));
    let headers = request.headers.iter();
    head.extend(headers.map(|header| format!("{}: {}", header.name, header.value.expose())));
    for line in &head {
        assert!(!line.contains(|mark: char| mark.is_control() && mark != '\t'), "{line:?}");
    }
    assert_eq!(head[0].matches(' ').count(), 2, "{:?}", head[0]);
    assert!(head[0].is_ascii());
    let mut names = head[1..].iter().map(|line| line.split(':').next().unwrap_or_default());
    let count = |name: &str| names.clone().filter(|other| other.eq_ignore_ascii_case(name)).count();
    assert_eq!(count("host"), 1);
    assert!(token.is_none() || count("authorization") == 1, "two authorization headers");
    assert!(["content-length", "transfer-encoding", "connection", "upgrade"].map(count) == [0; 4]);
    assert!(names.all(|name| !name.is_empty() && !name.contains(' ')));
}

/// Records every request and accepts it.
#[derive(Default)]
struct Wire(RefCell<Vec<(Request, Option<String>)>>);

impl Transport for Wire {
    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        let token = authorization.map(|token| token.expose().to_owned());
        self.0.borrow_mut().push((request.clone(), token));
        Ok(Response { status: 200, body: b"{}".to_vec(), ..Response::default() })
    }
}
