//! What is remembered of a request.

use http::Method;
use oge_mock_platform::{Mock, Options, Outcome, Route};
use serde_json::{Value, json};

use crate::client::{Ask, login, setting, start, start_with_token};

#[tokio::test]
async fn a_request_is_recorded_whole() {
    let (mock, token) = start_with_token().await;
    Ask::new("POST", "/a/%E6%97%B1?x=1+2&x=%26&y")
        .token(&token)
        .header("x-mark", "m")
        .body(json!({"旱地": 1.0}))
        .send(&mock)
        .await;
    let request = mock.requests(Route::Other).remove(0);
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.path, "/a/%E6%97%B1");
    assert_eq!(request.raw_query.as_deref(), Some("x=1+2&x=%26&y"));
    let pairs: Vec<(&str, &str)> =
        request.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("x", "1 2"), ("x", "&"), ("y", "")]);
    assert_eq!(request.query_value("x"), Some("1 2"));
    assert_eq!(request.header("x-mark"), Some("m"));
    assert_eq!(request.header("Authorization"), Some(token.as_str()));
    assert_eq!(request.body, json!({"旱地": 1.0}).to_string());
    assert_eq!(request.json(), json!({"旱地": 1.0}));
    assert!(request.authorized);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_null_as_json() {
    let (mock, token) = start_with_token().await;
    Ask::state(&token).body("{").send(&mock).await;
    assert_eq!(mock.requests(Route::GetState)[0].json(), Value::Null);
}

#[tokio::test]
async fn the_story_is_in_order_across_routes() {
    let (mock, token) = start_with_token().await;
    mock.expire_after(0);
    Ask::state(&token).send(&mock).await;
    login(&mock).send(&mock).await;
    Ask::state(&mock.issue_token()).send(&mock).await;
    let story: Vec<_> = mock
        .story()
        .iter()
        .map(|request| (request.sequence, request.route, request.outcome))
        .collect();
    assert_eq!(
        story,
        [
            (1, Route::GetState, Outcome::Expired),
            (2, Route::Token, Outcome::Accepted),
            (3, Route::GetState, Outcome::Accepted),
        ]
    );
}

#[tokio::test]
async fn cleared_requests_are_gone_and_the_sequence_goes_on() {
    let (mock, token) = start_with_token().await;
    Ask::state(&token).send(&mock).await;
    mock.clear_requests();
    assert_eq!(mock.count(Route::GetState), 0);
    assert!(mock.story().is_empty());
    Ask::state(&token).send(&mock).await;
    assert_eq!(mock.story()[0].sequence, 2);
    assert_eq!(mock.count(Route::GetState), 1);
}

#[tokio::test]
async fn without_records_requests_are_still_counted() {
    let mock = Mock::start(Options::default().record(false)).await.unwrap();
    let token = mock.issue_token();
    Ask::state(&token).send(&mock).await;
    mock.revoke_tokens();
    Ask::state(&token).send(&mock).await;
    assert_eq!(mock.count(Route::GetState), 2);
    let of = |outcome| mock.count_of(Route::GetState, outcome);
    assert_eq!([Outcome::Accepted, Outcome::Expired, Outcome::Fault].map(of), [1, 1, 0]);
    assert!(mock.story().is_empty());
}

#[tokio::test]
async fn a_subscriber_sees_each_request_and_what_became_of_it() {
    let (mock, token) = start_with_token().await;
    let mut events = mock.subscribe();
    mock.expire_after(1);
    Ask::state(&token).send(&mock).await;
    Ask::state(&token).send(&mock).await;
    mock.fail(Route::GetState, oge_mock_platform::Fault::Cut);
    assert!(Ask::state(&token).try_send(&mock).await.is_err());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let event = events.recv().await.unwrap();
        let status = event.status.map(|status| status.as_u16());
        seen.push((event.sequence, event.outcome, status));
    }
    assert_eq!(
        seen,
        [
            (1, Outcome::Accepted, Some(200)),
            (2, Outcome::Expired, Some(200)),
            (3, Outcome::Fault, None),
        ]
    );
}

#[tokio::test]
async fn no_debug_text_and_no_event_has_a_secret() {
    let mock = start().await;
    let mut events = mock.subscribe();
    let token = mock.issue_token();
    login(&mock).send(&mock).await;
    Ask::state(&token).send(&mock).await;
    let mut text = format!("{mock:?} {:?}", mock.story());
    for _ in 0..2 {
        text += &format!("{:?}", events.recv().await.unwrap());
    }
    assert!(text.contains("getState"));
    for secret in [
        token.trim_start_matches("Bearer ").to_owned(),
        setting(&mock, "OGE_TOKEN_PASSWORD"),
        setting(&mock, "OGE_CLIENT_SECRET"),
    ] {
        assert!(!text.contains(&secret), "{text}");
    }
}
