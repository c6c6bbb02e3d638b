//! A missing or invalid setting is named.

use oge_host::Host;
use oge_mock_platform::Options;
use oge_tools::error::FailureKind;
use oge_tools::tools::{
    ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, SubmitBatchTask, run_big_query,
};

use crate::fixture::{Fixture, code, status_of, submission};

/// Returns a fixture without one of its settings: a blank value counts as missing.
async fn without(key: &str) -> Fixture {
    Fixture::with(Options::default(), |builder| builder.settings([(key, "")])).await
}

#[tokio::test]
async fn a_missing_setting_is_named_by_the_tool_that_needs_it() {
    let missing = [
        without("OGE_API_URL")
            .await
            .fail::<RunBigQuery>(&run_big_query::Arguments::default())
            .await,
        without("OGE_DAG_URL").await.fail::<QueryTaskStatus>(&status_of("d")).await,
        without("OGE_USER_ID").await.fail::<ExecuteCodeToDag>(&code()).await,
        without("OGE_USERNAME").await.fail::<SubmitBatchTask>(&submission("d")).await,
    ];
    for (failure, key) in
        missing.iter().zip(["OGE_API_URL", "OGE_DAG_URL", "OGE_USER_ID", "OGE_USERNAME"])
    {
        assert_eq!((failure.kind, failure.attempts), (FailureKind::NotConfigured, 0));
        assert!(failure.message.starts_with(key), "{failure}");
    }
}

#[tokio::test]
async fn a_tool_does_not_need_another_tools_setting() {
    let fixture = without("OGE_API_URL").await;
    assert!(fixture.ask().await.is_ok());
}

#[tokio::test]
async fn a_missing_credential_is_named_and_nothing_is_sent() {
    for key in [
        "OGE_TOKEN_URL",
        "OGE_TOKEN_USERNAME",
        "OGE_TOKEN_PASSWORD",
        "OGE_CLIENT_ID",
        "OGE_CLIENT_SECRET",
    ] {
        let fixture = without(key).await;
        let failure = fixture.ask().await.unwrap_err();
        assert_eq!((failure.kind, failure.attempts), (FailureKind::NotConfigured, 0));
        assert!(failure.message.contains(key), "{failure}");
        fixture.nothing_sent();
    }
}

#[tokio::test]
async fn a_given_token_needs_no_login_until_it_expires() {
    let fixture = Fixture::with(Options::default(), |builder| {
        builder.settings([("OGE_TOKEN_URL", ""), ("OGE_TOKEN", "e30.eyJleHAiOjF9.c2ln")])
    })
    .await;
    let failure = fixture.ask().await.unwrap_err();
    assert_eq!((failure.kind, failure.attempts), (FailureKind::NotConfigured, 1));
    let why = "OGE_TOKEN_URL; a login is needed to replace an OGE_TOKEN";
    assert!(failure.message.contains(why), "{failure}");
}

#[test]
fn building_a_host_rejects_a_bad_setting() {
    for (key, value) in [
        ("OGE_API_URL", "nonsense"),
        ("OGE_DAG_URL", "http://user:MARKER@h/"),
        ("OGE_TIMEOUT_SECONDS", "soon"),
        ("OGE_MAX_REPLY_BYTES", "-1"),
        ("OGE_TOKEN", "MARKER\nMARKER"),
        ("OGE_CA_FILE", "/nowhere"),
    ] {
        let built = Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
            .settings([(key, value)])
            .build();
        let error = format!("{:#}", built.err().unwrap());
        assert!(error.contains(key) && !error.contains("MARKER"), "{error}");
    }
}

#[tokio::test]
async fn building_a_host_rejects_a_file_that_is_not_a_component() {
    let built = Host::builder(b"no component".as_slice()).build();
    assert!(format!("{:#}", built.err().unwrap()).contains("this host cannot load the component"));
}
