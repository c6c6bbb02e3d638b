//! Errors of the old server that this project does not repeat, a test for each. Tests of further ones:
//! `call_rule` (lost `dagId`, rejected retry, caller's token), `concurrency` (50 logins), `execute_code_to_dag`
//! (no `dags`), `faults` (empty reasons), `secrets` (unknown login response), `query_task_status`
//! (`{"code":200,"data":"running"}`), and each tool (bad boxes, blank names).

use std::time::Duration;

use oge_mock_platform::{Fault, Options, Route};
use oge_tools::error::FailureKind;
use oge_tools::tools::{CoverageAspectAnalysis, RunBigQuery, run_big_query};

use crate::fixture::{Fixture, mount_tai};

#[tokio::test]
async fn a_failing_code_in_a_200_is_a_failure_with_its_msg() {
    let fixture = Fixture::new().await;
    fixture.mock.response(
        Route::Process,
        200,
        "application/json",
        r#"{"code":500,"msg":"算子执行失败"}"#,
    );
    let failure = fixture.fail::<CoverageAspectAnalysis>(&mount_tai()).await;
    assert_eq!((failure.kind, failure.api_code), (FailureKind::Api, Some(500)));
    assert!(failure.message.contains("算子执行失败"), "{failure}");
}

#[tokio::test]
async fn other_codes_in_a_200_are_a_success() {
    let fixture = Fixture::new().await;
    for code in ["0", "1", "200", "20000", "60000", "null", "\"A0500\""] {
        let body = format!("{{\"code\":{code}}}");
        fixture.mock.response(Route::Process, 200, "application/json", body);
        assert!(fixture.host.run::<CoverageAspectAnalysis>(&mount_tai()).await.is_ok(), "{code}");
    }
}

#[tokio::test]
async fn still_expired_after_the_retry_is_a_failure() {
    let fixture = Fixture::new().await;
    fixture.mock.reject_all_tokens(true);
    let envelope = fixture.envelope::<RunBigQuery>(&run_big_query::Arguments::default()).await;
    assert!(envelope.starts_with(r#"{"success":false,"code":1,"#), "{envelope}");
    assert_eq!(fixture.mock.count(Route::Process), 2);
}

#[tokio::test]
async fn the_elapsed_time_includes_the_refresh_and_the_retry() {
    let latency = Duration::from_millis(60);
    let fixture = Fixture::with(Options::default().latency(latency), |builder| builder).await;
    fixture.host.refresh_token().await.unwrap();
    fixture.mock.revoke_tokens();
    let done = fixture.host.run::<CoverageAspectAnalysis>(&mount_tai()).await.unwrap();
    assert!(done.elapsed >= 3 * latency, "{:?}", done.elapsed);
}

#[tokio::test]
async fn a_slow_body_ends_at_the_deadline() {
    let fixture = Fixture::set(&[("OGE_TIMEOUT_SECONDS", "1")]).await;
    fixture.mock.fail(Route::Process, Fault::Drip { every: Duration::from_millis(50) });
    let failure = fixture.fail::<CoverageAspectAnalysis>(&mount_tai()).await;
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert!(failure.message.contains("within 1.0"), "{failure}");
}
