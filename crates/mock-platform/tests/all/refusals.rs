//! Requests that the platform refuses.

use oge_mock_platform::{Outcome, Route};

use crate::client::{
    ADD_TASK_RECORD, EXECUTE_CODE, GET_STATE, PROCESS, TOKEN, TestRequest, login, outcomes, start,
    start_with_token,
};

const POSTS: [&str; 3] = [PROCESS, EXECUTE_CODE, ADD_TASK_RECORD];

#[tokio::test]
async fn another_method_gets_405() {
    let (mock, token) = start_with_token().await;
    for target in POSTS {
        let response = TestRequest::new("PUT", target).token(&token).send(&mock).await;
        assert_eq!(response.status, 405, "{target}");
    }
    let response = TestRequest::new("POST", GET_STATE).token(&token).send(&mock).await;
    assert_eq!(response.status, 405);
    let response = TestRequest::new("GET", TOKEN).send(&mock).await;
    assert_eq!(response.status, 405);
}

#[tokio::test]
async fn another_content_type_gets_415() {
    let (mock, token) = start_with_token().await;
    let mut asks = POSTS.map(|target| TestRequest::new("POST", target).token(&token)).to_vec();
    asks.push(TestRequest::state(&token));
    asks.push(TestRequest::new("PUT", "/other").token(&token).body("{}"));
    asks.push(login(&mock));
    for ask in asks {
        let typed = ask.clone().header("content-type", "text/plain");
        assert_eq!(typed.send(&mock).await.status, 415);
        let untyped = ask.without("content-type");
        assert_eq!(untyped.send(&mock).await.status, 415);
    }
}

#[tokio::test]
async fn parameters_of_the_content_type_are_ignored() {
    let (mock, token) = start_with_token().await;
    let response = TestRequest::state(&token)
        .header("content-type", "Application/JSON; charset=utf-8")
        .send(&mock)
        .await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn a_body_that_is_not_the_expected_json_gets_400() {
    let (mock, token) = start_with_token().await;
    for body in ["", "{", "[]", "{}", "\"x\""] {
        for target in POSTS {
            let ask = TestRequest::new("POST", target).token(&token).body(body);
            assert_eq!(ask.send(&mock).await.status, 400, "{target} {body}");
        }
        let response = login(&mock).body(body).send(&mock).await;
        assert_eq!(response.status, 400, "{body}");
    }
}

#[tokio::test]
async fn the_token_is_checked_before_the_request() {
    let mock = start().await;
    let response = TestRequest::new("PUT", PROCESS).body("{").send(&mock).await;
    assert_eq!(response.json()["code"], 40003);
    assert_eq!(outcomes(&mock, Route::Process), [Outcome::Expired]);
}

#[tokio::test]
async fn a_refused_request_is_recorded_as_authorized() {
    let (mock, token) = start_with_token().await;
    TestRequest::new("PUT", PROCESS).token(&token).send(&mock).await;
    let request = mock.requests(Route::Process).remove(0);
    assert!(request.authorized);
    assert_eq!(request.outcome, Outcome::Refused);
}
