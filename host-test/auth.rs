//! `auth`: refreshes the token and reports its status.

use oge_host::CallError;
use oge_mock_platform::{Credentials, Options, Route};
use oge_tools::error::FailureKind;

use crate::fixture::Fixture;

#[tokio::test]
async fn a_refresh_always_makes_one_login() {
    let fixture = Fixture::new().await;
    let first = fixture.host.refresh_token().await.unwrap();
    assert_eq!(fixture.mock.count(Route::Token), 1);
    let second = fixture.host.refresh_token().await.unwrap();
    assert_eq!(fixture.mock.count(Route::Token), 2);
    assert!(second.generation > first.generation);
}

#[tokio::test]
async fn the_status_of_an_empty_store_sends_nothing() {
    let fixture = Fixture::new().await;
    let info = fixture.host.token_status().await.unwrap();
    assert!(!info.present && info.generation.is_none() && info.expired.is_none());
    fixture.nothing_sent();
}

#[tokio::test]
async fn the_status_describes_a_token_without_showing_it() {
    let fixture = Fixture::logged_in().await;
    let info = fixture.host.token_status().await.unwrap();
    assert_eq!((info.present, info.expired), (true, Some(false)));
    assert_eq!(info.user_name.as_deref(), Some("mock-user"));
    assert!(info.expires_at.is_some() && info.generation.is_some());
    assert!(!format!("{info:?}").contains("eyJ"));
    fixture.nothing_sent();
}

#[tokio::test]
async fn an_expired_token_is_reported_as_expired() {
    // {"exp":1}
    let fixture = Fixture::set(&[("OGE_TOKEN", "e30.eyJleHAiOjF9.c2ln")]).await;
    let info = fixture.host.token_status().await.unwrap();
    assert_eq!((info.expires_at, info.expired), (Some(1), Some(true)));
}

#[tokio::test]
async fn rejected_credentials_are_a_token_store_failure() {
    let wrong = Credentials { password: "other".to_owned(), ..Credentials::default() };
    let fixture = Fixture::with(Options::default().credentials(wrong), |builder| {
        builder.settings([("OGE_TOKEN_PASSWORD", "mine")])
    })
    .await;
    let Err(CallError::Failure(failure)) = fixture.host.refresh_token().await else {
        panic!("wrong credentials were taken");
    };
    assert_eq!((failure.kind, failure.attempts), (FailureKind::TokenStore, 0));
}
