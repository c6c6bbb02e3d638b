//! The three tests of the document that specified this project.

use oge_mock_platform::Route;
use oge_tools::tools::{RunBigQuery, run_big_query};

use crate::fixture::Fixture;

#[tokio::test]
async fn calls_use_the_token_of_a_manual_refresh() {
    let fixture = Fixture::new().await;
    fixture.host.refresh_token().await.unwrap();
    fixture.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await.unwrap();
    assert_eq!(fixture.mock.count(Route::Token), 1);
    assert!(fixture.only(Route::Process).authorized);
}

#[tokio::test]
async fn a_call_with_a_good_token_is_one_request() {
    let fixture = Fixture::logged_in().await;
    let done = fixture.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await.unwrap();
    assert_eq!((done.attempts, fixture.mock.all_requests().len()), (1, 1));
}

#[tokio::test]
async fn an_expiry_logs_three_lines_and_the_call_succeeds() {
    let fixture = Fixture::logged_in().await;
    fixture.mock.revoke_tokens();
    fixture.host.run::<RunBigQuery>(&run_big_query::Arguments::default()).await.unwrap();
    let log = fixture.log();
    let [expired, refreshed, accepted] = &*log else { panic!("{log:?}") };
    assert!(expired.ends_with("检测到token过期(40003)，尝试自动刷新..."), "{expired}");
    assert!(refreshed.ends_with("Token刷新成功，重新调用API..."), "{refreshed}");
    assert!(accepted.contains("API调用成功 - 耗时: 0.") && accepted.ends_with('s'), "{accepted}");
}
