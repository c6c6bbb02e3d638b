//! The call rule over HTTP.

use oge_mock_platform::{ExpiredForm, Fault, Recorded, Route};
use oge_tools::error::FailureKind;
use oge_tools::secret::Secret;
use oge_tools::tools::{QueryTaskStatus, SubmitBatchTask};

use crate::fixture::{Fixture, status_of, submission};

/// Asserts that the two requests differ in the token only.
fn assert_same_but_for_the_token(requests: &[Recorded]) {
    let [first, second] = requests else { panic!("{requests:?}") };
    let without_token = |request: &Recorded| {
        let mut headers = request.headers.clone();
        headers.remove("authorization");
        headers
    };
    assert_eq!(first.method, second.method);
    assert_eq!((&first.path, &first.raw_query), (&second.path, &second.raw_query));
    assert_eq!(first.body, second.body);
    assert_eq!(without_token(first), without_token(second));
    assert_ne!(first.header("authorization"), second.header("authorization"));
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_request_is_resent() {
    for form in [ExpiredForm::Code40003, ExpiredForm::Status401] {
        let fixture = Fixture::logged_in().await;
        fixture.mock.expired_form(form);
        fixture.mock.revoke_tokens();
        let done = fixture.host.run::<QueryTaskStatus>(&status_of("d&1")).await.unwrap();
        assert_eq!(done.attempts, 2);
        assert_same_but_for_the_token(&fixture.mock.requests(Route::GetState));
        assert_eq!(fixture.mock.count(Route::Token), 1);
    }
}

#[tokio::test]
async fn a_retry_sends_the_same_body() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.revoke_tokens();
    let done = fixture.host.run::<SubmitBatchTask>(&submission("d")).await.unwrap();
    assert_eq!(done.attempts, 2);
    assert_same_but_for_the_token(&fixture.mock.requests(Route::AddTaskRecord));
}

#[tokio::test]
async fn the_retry_uses_the_refreshed_token() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.revoke_tokens();
    fixture.ask().await.unwrap();
    fixture.ask().await.unwrap();
    let requests = fixture.mock.requests(Route::GetState);
    let token = |index: usize| requests[index].header("authorization").unwrap().to_owned();
    assert_eq!(requests.len(), 3);
    assert_eq!(token(1), token(2));
    assert!(requests[1].authorized && requests[2].authorized);
}

#[tokio::test]
async fn a_rejected_retry_is_not_retried() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.reject_all_tokens(true);
    let failure = fixture.ask().await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.attempts, failure.http_status, failure.api_code),
        (FailureKind::Unauthorized, 2, Some(200), Some(40003))
    );
    assert_eq!((fixture.mock.count(Route::GetState), fixture.mock.count(Route::Token)), (2, 1));
}

#[tokio::test]
async fn a_failed_refresh_fails_the_call_without_a_retry() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.revoke_tokens();
    fixture.mock.fail(Route::Token, Fault::Status(503));
    let failure = fixture.ask().await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.attempts, failure.http_status, failure.api_code),
        (FailureKind::TokenStore, 1, Some(200), Some(40003))
    );
    assert!(failure.message.contains("HTTP 503"), "{failure}");
    assert_eq!(fixture.mock.count(Route::GetState), 1);
}

#[tokio::test]
async fn forbidden_is_never_refreshed() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.fail(Route::GetState, Fault::Status(403));
    let failure = fixture.ask().await.unwrap_err();
    assert_eq!((failure.kind, failure.attempts), (FailureKind::Forbidden, 1));
    assert_eq!(fixture.mock.count(Route::Token), 0);
}

#[tokio::test]
async fn a_callers_token_is_sent_and_never_refreshed() {
    for form in [ExpiredForm::Code40003, ExpiredForm::Status401] {
        let fixture = Fixture::new().await;
        fixture.mock.expired_form(form);
        let mut arguments = status_of("d");
        arguments.auth_token = Some(Secret::new("eyJ.of.mine"));
        let failure = fixture.fail::<QueryTaskStatus>(&arguments).await;
        assert_eq!((failure.kind, failure.attempts), (FailureKind::Unauthorized, 1));
        let request = fixture.only(Route::GetState);
        assert_eq!(request.header("authorization"), Some("Bearer eyJ.of.mine"));
        assert_eq!(fixture.mock.count(Route::Token), 0);
    }
}

#[tokio::test]
async fn expired_codes_can_be_configured() {
    let fixture = Fixture::set(&[("OGE_EXPIRED_CODES", "40003, 777")]).await;
    fixture.host.refresh_token().await.unwrap();
    fixture.mock.fail_times(Route::GetState, 1, Fault::Code(777));
    fixture.ask().await.unwrap();
    assert_eq!(fixture.mock.count(Route::Token), 2);
}

#[tokio::test]
async fn a_401_is_expired_even_if_its_body_is_too_large() {
    let fixture = Fixture::set(&[("OGE_MAX_REPLY_BYTES", "100")]).await;
    fixture.host.refresh_token().await.unwrap();
    let body = vec![b'x'; 100_000];
    let huge =
        Fault::Response { status: 401, content_type: "text/html".to_owned(), body: body.into() };
    fixture.mock.fail_times(Route::GetState, 1, huge);
    fixture.ask().await.unwrap();
    assert_eq!((fixture.mock.count(Route::GetState), fixture.mock.count(Route::Token)), (2, 2));
}
