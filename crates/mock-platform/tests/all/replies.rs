//! Answers that a test sets itself.

use oge_fake::{Outcome, Route};

use crate::client::{Ask, GET_STATE, login, outcomes, start, start_with_token};

#[tokio::test]
async fn a_set_reply_is_the_answer_until_it_is_healed() {
    let (fake, token) = start_with_token().await;
    fake.reply(Route::GetState, 200, "application/json", r#"{"status":"running"}"#);
    for _ in 0..2 {
        let answer = Ask::state(&token).send(&fake).await;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["status"], "running");
    }
    fake.heal(Route::GetState);
    assert_eq!(Ask::state(&token).send(&fake).await.text(), "starting");
}

#[tokio::test]
async fn a_set_reply_is_only_for_requests_that_would_be_accepted() {
    let (fake, token) = start_with_token().await;
    fake.reply(Route::GetState, 200, "text/plain", "set");
    let answer = Ask::state("Bearer nothing").send(&fake).await;
    assert_eq!(answer.json()["code"], 40003);
    let answer = Ask::new("POST", GET_STATE).token(&token).send(&fake).await;
    assert_eq!(answer.status, 405);
    let expected = [Outcome::Expired, Outcome::Refused];
    assert_eq!(outcomes(&fake, Route::GetState), expected);
}

#[tokio::test]
async fn a_set_reply_to_a_login_comes_after_the_credentials_and_ends_no_token() {
    let options = oge_fake::Options::default().single_session(true);
    let fake = oge_fake::Fake::start(options).await.unwrap();
    let token = fake.issue_token();
    fake.reply(Route::Token, 200, "application/json", r#"{"data":{}}"#);
    assert_eq!(login(&fake).send(&fake).await.text(), r#"{"data":{}}"#);
    let wrong = Ask::new("POST", "/api/oauth/token").body(r#"{"username":"","password":""}"#);
    assert_eq!(wrong.send(&fake).await.json()["code"], 40001);
    assert_eq!(Ask::state(&token).send(&fake).await.text(), "unknown");
}

#[tokio::test]
async fn a_type_that_cannot_be_a_header_is_left_out() {
    let fake = start().await;
    fake.reply(Route::Other, 204, "a\nb", "");
    let answer = Ask::new("GET", "/x").token(&fake.issue_token()).send(&fake).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.headers.get("content-type"), None);
}

#[tokio::test]
async fn healing_all_ends_every_set_reply() {
    let (fake, token) = start_with_token().await;
    fake.reply(Route::GetState, 200, "text/plain", "set");
    fake.heal_all();
    assert_eq!(Ask::state(&token).send(&fake).await.text(), "starting");
}
