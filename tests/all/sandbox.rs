//! What a guest can see and reach: its settings, and the configured origins.

use oge_fake::{Fake, Options, Route};
use oge_host::Limits;

use crate::limits::{hostile, make};

#[tokio::test]
async fn a_guest_sees_the_tools_settings_and_no_credentials() {
    let scene = hostile(Limits::default()).await;
    let seen = make(&scene.host, "environment").await.unwrap();
    let mut names: Vec<_> = seen.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["OGE_API_URL", "OGE_DAG_URL", "OGE_USERNAME", "OGE_USER_ID"]);
}

#[tokio::test]
async fn a_guest_reaches_the_configured_origins_and_no_others() {
    let scene = hostile(Limits::default()).await;
    let other = Fake::start(Options::default()).await.unwrap();
    let authority = |fake: &Fake| fake.origin().trim_start_matches("http://").to_owned();
    let own = make(&scene.host, &format!("get:{}", authority(&scene.fake))).await.unwrap();
    assert!(own.starts_with("status "), "{own}");
    let denied = make(&scene.host, &format!("get:{}", authority(&other))).await.unwrap();
    assert!(denied.contains("HttpRequestDenied"), "{denied}");
    assert_eq!((scene.fake.count(Route::Other), other.story().len()), (1, 0));
}

#[tokio::test]
async fn a_guest_opens_no_more_requests_than_it_may() {
    let scene = hostile(Limits { requests: 4, ..Limits::default() }).await;
    let authority = scene.fake.origin().trim_start_matches("http://").to_owned();
    let refused = make(&scene.host, &format!("requests:{authority}")).await.unwrap();
    assert_eq!(refused, "96");
}
