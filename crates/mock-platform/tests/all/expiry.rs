//! When a token is rejected, and the form of that response.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use oge_mock_platform::{ExpiredForm, Mock, Options, Outcome, Route};
use serde_json::Value;

use crate::client::{TestRequest, outcomes, start, start_with_token};

#[tokio::test]
async fn an_issued_token_is_accepted_and_its_exp_is_in_the_future() {
    let (mock, token) = start_with_token().await;
    assert_eq!(TestRequest::state(&token).send(&mock).await.text(), "starting");
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the mock's clock is the real one")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(claims["exp"].as_u64().unwrap() > now + 7000);
    assert!(claims["iat"].as_u64().unwrap() <= now);
}

#[tokio::test]
async fn a_revoked_token_gets_code_40003_with_status_200() {
    let (mock, token) = start_with_token().await;
    mock.revoke_tokens();
    let response = TestRequest::state(&token).send(&mock).await;
    assert_eq!(response.status, 200);
    let expected = r#"{"code":40003,"msg":"token过期或异常","data":null}"#;
    assert_eq!(response.text(), expected);
}

#[tokio::test]
async fn the_other_form_is_status_401() {
    let (mock, token) = start_with_token().await;
    mock.revoke_tokens();
    mock.expired_form(ExpiredForm::Status401);
    assert_eq!(TestRequest::state(&token).send(&mock).await.status, 401);
    mock.expired_form(ExpiredForm::Code40003);
    assert_eq!(TestRequest::state(&token).send(&mock).await.status, 200);
}

#[tokio::test]
async fn every_route_but_the_login_checks_the_token() {
    let mock = start().await;
    for (target, route) in [
        ("/gateway/computation-api/process", Route::Process),
        ("/api/oge-dag-22/executeCode", Route::ExecuteCode),
        ("/api/oge-dag-22/addTaskRecord", Route::AddTaskRecord),
        ("/api/oge-dag-22/getState", Route::GetState),
        ("/other", Route::Other),
    ] {
        let response = TestRequest::new("POST", target).body("{}").send(&mock).await;
        assert_eq!(response.json()["code"], 40003, "{target}");
        assert_eq!(outcomes(&mock, route), [Outcome::Expired]);
        assert!(!mock.requests(route)[0].authorized);
    }
}

#[tokio::test]
async fn two_blanks_or_another_scheme_are_rejected() {
    let (mock, token) = start_with_token().await;
    let bare = token.trim_start_matches("Bearer ");
    for wrong in [format!("Bearer  {bare}"), format!("bearer {bare}"), bare.to_owned()] {
        let response = TestRequest::state(&wrong).send(&mock).await;
        assert_eq!(response.json()["code"], 40003, "{wrong}");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_lifetime() {
    let options = Options::default().token_lifetime(Duration::ZERO);
    let mock = Mock::start(options).await.unwrap();
    let token = mock.issue_token();
    assert_eq!(TestRequest::state(&token).send(&mock).await.json()["code"], 40003);
}

#[tokio::test]
async fn a_token_ends_after_the_set_number_of_accepted_calls() {
    let (mock, token) = start_with_token().await;
    mock.expire_after(2);
    for _ in 0..3 {
        TestRequest::state(&token).send(&mock).await;
    }
    let expected = [Outcome::Accepted, Outcome::Accepted, Outcome::Expired];
    assert_eq!(outcomes(&mock, Route::GetState), expected);
}

#[tokio::test]
async fn while_all_tokens_are_rejected_a_new_one_is_too() {
    let (mock, _) = start_with_token().await;
    mock.reject_all_tokens(true);
    let token = mock.issue_token();
    assert_eq!(TestRequest::state(&token).send(&mock).await.json()["code"], 40003);
    mock.reject_all_tokens(false);
    assert_eq!(TestRequest::state(&token).send(&mock).await.text(), "starting");
}
