//! Concurrent calls share one login.

use std::sync::Arc;

use oge_mock_platform::{Credentials, Options, Route};
use oge_tools::error::FailureKind;

use crate::fixture::Fixture;

async fn ask_at_once(fixture: &Arc<Fixture>, calls: usize) -> Vec<Result<String, FailureKind>> {
    let mut tasks = Vec::new();
    for _ in 0..calls {
        let fixture = Arc::clone(fixture);
        tasks
            .push(tokio::spawn(async move { fixture.ask().await.map_err(|failure| failure.kind) }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_with_an_expired_token_share_one_login() {
    let fixture = Fixture::with(Options::default().single_session(true), |builder| builder).await;
    fixture.host.refresh_token().await.unwrap();
    fixture.mock.clear_requests();
    fixture.mock.revoke_tokens();
    let fixture = Arc::new(fixture);
    let results = ask_at_once(&fixture, 200).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(fixture.mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_on_an_empty_store_share_one_login() {
    let fixture = Fixture::with(Options::default().single_session(true), |builder| builder).await;
    let fixture = Arc::new(fixture);
    let results = ask_at_once(&fixture, 200).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(fixture.mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_callers_get_the_rejection_of_one_login() {
    let wrong = Credentials { password: "other".to_owned(), ..Credentials::default() };
    let fixture = Fixture::with(Options::default().credentials(wrong), |builder| {
        builder.settings([("OGE_TOKEN_PASSWORD", "mine")])
    })
    .await;
    let fixture = Arc::new(fixture);
    let results = ask_at_once(&fixture, 100).await;
    assert!(results.iter().all(|result| *result == Err(FailureKind::TokenStore)), "{results:?}");
    assert_eq!(fixture.mock.count(Route::Token), 1);
}
