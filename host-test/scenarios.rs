//! The three tests of the document that specified this project.

use oge_mock_platform::Route;
use oge_tools::tools::{RunBigQuery, run_big_query};

use crate::scene::Scene;

#[tokio::test]
async fn calls_use_the_token_of_a_manual_refresh() {
    let scene = Scene::new().await;
    scene.host.refresh_token().await.unwrap();
    scene.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await.unwrap();
    assert_eq!(scene.mock.count(Route::Token), 1);
    assert!(scene.only(Route::Process).authorized);
}

#[tokio::test]
async fn a_call_with_a_good_token_is_one_request() {
    let scene = Scene::logged_in().await;
    let done = scene.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await.unwrap();
    assert_eq!((done.attempts, scene.mock.story().len()), (1, 1));
}

#[tokio::test]
async fn an_expiry_logs_three_lines_and_the_call_succeeds() {
    let scene = Scene::logged_in().await;
    scene.mock.revoke_tokens();
    scene.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await.unwrap();
    let log = scene.log();
    let [expired, refreshed, accepted] = &*log else { panic!("{log:?}") };
    assert!(expired.ends_with("检测到token过期(40003)，尝试自动刷新..."), "{expired}");
    assert!(refreshed.ends_with("Token刷新成功，重新调用API..."), "{refreshed}");
    assert!(accepted.contains("API调用成功 - 耗时: 0.") && accepted.ends_with('s'), "{accepted}");
}
