//! `api.call` applies the call rule to any endpoint and sends the token to known origins only.

use oge_host::CallError;
use oge_mock_platform::{Fault, Mock, Options, Route};
use oge_tools::api::{Arguments, Output};
use oge_tools::error::{Failure, FailureKind};
use oge_tools::secret::Secret;
use oge_tools::url::Origin;
use serde_json::{Value, json};

use crate::fixture::Fixture;

fn to(url: String) -> Arguments {
    Arguments { url, use_intranet_token: Some(true), ..Arguments::default() }
}

fn headers(pairs: &[(&str, &str)]) -> Option<Vec<(String, Secret)>> {
    Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect())
}

async fn call(fixture: &Fixture, arguments: &Arguments) -> Result<Output, Failure> {
    fixture.host.call_api(arguments).await.map_err(|error| match error {
        CallError::Failure(failure) => failure,
        error => panic!("not a failure but {error:?}"),
    })
}

#[tokio::test]
async fn other_endpoints_get_the_token_query_and_retry() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.revoke_tokens();
    let arguments = Arguments {
        method: Some("put".to_owned()),
        json: Some(r#"{"a": 1.0}"#.to_owned()),
        query: Some(vec![("b".to_owned(), "坡 1".to_owned())]),
        ..to(format!("{}/other?a=1", fixture.mock.origin()))
    };
    let response = call(&fixture, &arguments).await.unwrap();
    assert_eq!(response.attempts, 2);
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(body["code"], 200);
    for request in fixture.mock.requests(Route::Other) {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/other"));
        assert_eq!(request.raw_query.as_deref(), Some("a=1&b=%E5%9D%A1%201"));
        assert_eq!(&*request.body, br#"{"a": 1.0}"#);
    }
}

#[tokio::test]
async fn the_token_goes_to_no_other_origin() {
    let fixture = Fixture::logged_in().await;
    let other = Mock::start(Options::default()).await.unwrap();
    let port = other.origin().rsplit(':').next().unwrap().to_owned();
    for url in [
        format!("{}/x", other.origin()),
        format!("http://LOCALHOST:{port}/x"),
        format!("http://127.0.0.1.evil.test:{port}/x"),
        fixture.mock.origin().replace("http:", "https:"),
    ] {
        let failure = call(&fixture, &to(url.clone())).await.unwrap_err();
        assert_eq!((failure.kind, failure.attempts), (FailureKind::InvalidArgument, 0), "{url}");
        assert!(failure.message.starts_with("url "), "{failure}");
    }
    assert!(other.all_requests().is_empty());
    fixture.nothing_sent();
}

#[tokio::test]
async fn an_allowed_origin_gets_the_token() {
    let other = Mock::start(Options::default()).await.unwrap();
    let origin = other.origin().to_owned();
    let fixture = Fixture::set(&[("OGE_ALLOWED_ORIGINS", &origin)]).await;
    // The other mock rejects the token, since it did not issue it. The test needs only that it was sent.
    let once = Arguments { auto_retry_on_token_expire: Some(false), ..to(format!("{origin}/x")) };
    let failure = call(&fixture, &once).await.unwrap_err();
    assert_eq!((failure.kind, failure.attempts), (FailureKind::Unauthorized, 1));
    assert!(other.requests(Route::Other)[0].header("authorization").is_some());
}

#[tokio::test]
async fn the_retry_can_be_switched_off() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.revoke_tokens();
    let arguments = Arguments {
        auto_retry_on_token_expire: Some(false),
        ..to(format!("{}/x", fixture.mock.origin()))
    };
    let failure = call(&fixture, &arguments).await.unwrap_err();
    assert_eq!((failure.kind, failure.attempts), (FailureKind::Unauthorized, 1));
    assert_eq!((fixture.mock.count(Route::Other), fixture.mock.count(Route::Token)), (1, 0));
}

#[tokio::test]
async fn a_callers_authorization_header_is_sent_and_never_refreshed() {
    let other = Mock::start(Options::default()).await.unwrap();
    let origin = Origin::parse(other.origin()).unwrap();
    let fixture = Fixture::with(Options::default(), |builder| builder.allow(origin)).await;
    let arguments = Arguments {
        url: format!("{}/x", other.origin()),
        method: Some("GET".to_owned()),
        headers: headers(&[("Authorization", "Custom MARKER-value"), ("X-A", "1")]),
        ..Arguments::default()
    };
    let failure = call(&fixture, &arguments).await.unwrap_err();
    assert_eq!((failure.kind, failure.attempts), (FailureKind::Unauthorized, 1));
    let request = &other.requests(Route::Other)[0];
    assert_eq!(request.header("authorization"), Some("Custom MARKER-value"));
    assert_eq!((request.header("x-a"), request.header("content-type")), (Some("1"), None));
    fixture.nothing_sent();
}

#[tokio::test]
async fn a_callers_token_takes_precedence_over_the_stores() {
    let fixture = Fixture::new().await;
    let arguments = Arguments {
        auth_token: Some(Secret::new(fixture.mock.issue_token())),
        headers: headers(&[("authorization", "Custom x")]),
        ..to(format!("{}/x", fixture.mock.origin()))
    };
    call(&fixture, &arguments).await.unwrap();
    assert_eq!(fixture.mock.count(Route::Token), 0);
    assert!(fixture.only(Route::Other).authorized);
}

#[tokio::test]
async fn text_bodies_are_kept_and_redirects_are_not_followed() {
    let fixture = Fixture::logged_in().await;
    let arguments = to(format!("{}/x", fixture.mock.origin()));
    fixture.mock.response(Route::Other, 200, "text/plain; charset=utf-8", "好");
    let response = call(&fixture, &arguments).await.unwrap();
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(body["raw_text"], json!("好"));
    assert_eq!(response.content_type.as_deref(), Some("text/plain; charset=utf-8"));

    fixture.mock.fail(Route::Other, Fault::Status(302));
    let failure = call(&fixture, &arguments).await.unwrap_err();
    assert_eq!((failure.kind, failure.http_status), (FailureKind::Api, Some(302)));
    let to = format!("redirects to another path of {}; ", fixture.mock.origin());
    assert!(failure.message.contains(&to) && failure.message.contains("correct url "), "{failure}");
}

#[tokio::test]
async fn a_calls_own_timeout_is_used() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.fail(Route::Other, Fault::Hang);
    let arguments =
        Arguments { timeout_seconds: Some(1), ..to(format!("{}/x", fixture.mock.origin())) };
    assert_eq!(call(&fixture, &arguments).await.unwrap_err().kind, FailureKind::Timeout);
}

#[tokio::test]
async fn arguments_that_cannot_be_sent_are_invalid() {
    let fixture = Fixture::new().await;
    let url = format!("{}/x", fixture.mock.origin());
    let long = "a".repeat(200_000);
    for (name, arguments) in [
        ("auth_token", Arguments { auth_token: Some(Secret::new(&*long)), ..to(url.clone()) }),
        ("headers", Arguments { headers: headers(&[("x-a", &long)]), ..to(url.clone()) }),
        (
            "query",
            Arguments { query: Some(vec![("a".to_owned(), long.clone())]), ..to(url.clone()) },
        ),
        ("url", to(format!("{url}{long}"))),
        ("method", Arguments { method: Some("TRACE".to_owned()), ..to(url.clone()) }),
        ("json", Arguments { json: Some("{".to_owned()), ..to(url) }),
    ] {
        let failure = call(&fixture, &arguments).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidArgument, "{name}: {failure}");
        assert!(failure.message.starts_with(name), "{failure}");
    }
    fixture.nothing_sent();
}
