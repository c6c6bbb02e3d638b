//! Answers that a test sets itself.

use oge_mock_platform::{Outcome, Route};

use crate::client::{Ask, GET_STATE, login, outcomes, start, start_with_token};

#[tokio::test]
async fn a_set_response_is_the_answer_until_it_is_healed() {
    let (mock, token) = start_with_token().await;
    mock.response(Route::GetState, 200, "application/json", r#"{"status":"running"}"#);
    for _ in 0..2 {
        let answer = Ask::state(&token).send(&mock).await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["status"], "running");
    }
    mock.heal(Route::GetState);
    assert_eq!(Ask::state(&token).send(&mock).await.text(), "starting");
}

#[tokio::test]
async fn a_set_response_is_only_for_requests_that_would_be_accepted() {
    let (mock, token) = start_with_token().await;
    mock.response(Route::GetState, 200, "text/plain", "set");
    let answer = Ask::state("Bearer nothing").send(&mock).await;
    assert_eq!(answer.json()["code"], 40003);
    let answer = Ask::new("POST", GET_STATE).token(&token).send(&mock).await;
    assert_eq!(answer.status, 405);
    let expected = [Outcome::Expired, Outcome::Refused];
    assert_eq!(outcomes(&mock, Route::GetState), expected);
}

#[tokio::test]
async fn a_set_response_to_a_login_comes_after_the_credentials_and_ends_no_token() {
    let options = oge_mock_platform::Options::default().single_session(true);
    let mock = oge_mock_platform::Mock::start(options).await.unwrap();
    let token = mock.issue_token();
    mock.response(Route::Token, 200, "application/json", r#"{"data":{}}"#);
    assert_eq!(login(&mock).send(&mock).await.text(), r#"{"data":{}}"#);
    let wrong = Ask::new("POST", "/api/oauth/token").body(r#"{"username":"","password":""}"#);
    assert_eq!(wrong.send(&mock).await.json()["code"], 40001);
    assert_eq!(Ask::state(&token).send(&mock).await.text(), "unknown");
}

#[tokio::test]
async fn a_type_that_cannot_be_a_header_is_left_out() {
    let mock = start().await;
    mock.response(Route::Other, 204, "a\nb", "");
    let answer = Ask::new("GET", "/x").token(&mock.issue_token()).send(&mock).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.headers.get("content-type"), None);
}

#[tokio::test]
async fn healing_all_ends_every_set_response() {
    let (mock, token) = start_with_token().await;
    mock.response(Route::GetState, 200, "text/plain", "set");
    mock.heal_all();
    assert_eq!(Ask::state(&token).send(&mock).await.text(), "starting");
}
