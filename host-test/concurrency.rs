//! Concurrent calls share one login.

use std::sync::Arc;

use oge_mock_platform::{Credentials, Options, Route};
use oge_tools::error::FailureKind;

use crate::scene::Scene;

async fn ask_at_once(scene: &Arc<Scene>, calls: usize) -> Vec<Result<String, FailureKind>> {
    let mut tasks = Vec::new();
    for _ in 0..calls {
        let scene = Arc::clone(scene);
        tasks.push(tokio::spawn(async move { scene.ask().await.map_err(|failure| failure.kind) }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_with_an_expired_token_share_one_login() {
    let scene = Scene::with(Options::default().single_session(true), |builder| builder).await;
    scene.host.refresh_token().await.unwrap();
    scene.mock.clear_requests();
    scene.mock.revoke_tokens();
    let scene = Arc::new(scene);
    let results = ask_at_once(&scene, 200).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(scene.mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_on_an_empty_store_share_one_login() {
    let scene = Scene::with(Options::default().single_session(true), |builder| builder).await;
    let scene = Arc::new(scene);
    let results = ask_at_once(&scene, 200).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(scene.mock.count(Route::Token), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_callers_get_the_rejection_of_one_login() {
    let wrong = Credentials { password: "other".to_owned(), ..Credentials::default() };
    let scene = Scene::with(Options::default().credentials(wrong), |builder| {
        builder.settings([("OGE_TOKEN_PASSWORD", "mine")])
    })
    .await;
    let scene = Arc::new(scene);
    let results = ask_at_once(&scene, 100).await;
    assert!(results.iter().all(|result| *result == Err(FailureKind::TokenStore)), "{results:?}");
    assert_eq!(scene.mock.count(Route::Token), 1);
}
