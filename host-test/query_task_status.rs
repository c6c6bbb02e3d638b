//! 查询任务状态 over HTTP.

use oge_mock_platform::Route;
use oge_tools::error::FailureKind;
use oge_tools::tools::QueryTaskStatus;
use oge_tools::tools::query_task_status::Phase;

use crate::fixture::{Fixture, assert_headers, status_of};

#[tokio::test]
async fn the_id_is_percent_encoded_in_the_query() {
    let fixture = Fixture::new().await;
    let id = "a b&dagId=c/坡+%";
    fixture.host.run::<QueryTaskStatus>(&status_of(id)).await.unwrap();
    let request = fixture.only(Route::GetState);
    assert_headers(&request);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/api/oge-dag-22/getState")
    );
    assert_eq!(request.query, [("dagId".to_owned(), id.to_owned())]);
    assert!(request.body.is_empty());
}

#[tokio::test]
async fn state_and_phase_are_read_from_every_response_form() {
    let fixture = Fixture::new().await;
    for (body, status, phase) in [
        ("running", "running", Phase::Running),
        (" Starting \n", "Starting", Phase::Running),
        ("\"SUCCESS\"", "SUCCESS", Phase::Completed),
        (r#"{"status":"Completed"}"#, "Completed", Phase::Completed),
        (r#"{"code":200,"data":"failed"}"#, "failed", Phase::Failed),
        (r#"{"status":"Error","data":"running"}"#, "Error", Phase::Failed),
        ("queued", "queued", Phase::Running),
        ("killed", "killed", Phase::Failed),
        ("paused", "paused", Phase::Other),
        ("\"\"", "unknown", Phase::Other),
        ("[]", "unknown", Phase::Other),
        ("7", "unknown", Phase::Other),
        ("{}", "unknown", Phase::Other),
    ] {
        fixture.mock.response(Route::GetState, 200, "text/plain", body);
        let output = fixture.host.run::<QueryTaskStatus>(&status_of("d")).await.unwrap().output;
        assert_eq!(output.status, status, "{body}");
        assert_eq!(output.phase, phase, "{body}");
        assert_eq!(output.raw_response, body);
    }
}

#[tokio::test]
async fn the_envelope_keeps_the_platforms_response() {
    let fixture = Fixture::new().await;
    for (body, raw) in
        [("running", r#""running""#), (r#"{"status": "running"}"#, r#"{"status":"running"}"#)]
    {
        fixture.mock.response(Route::GetState, 200, "text/plain", body);
        assert_eq!(
            fixture.envelope::<QueryTaskStatus>(&status_of("d")).await,
            format!(
                r#"{{"success":true,"code":0,"msg":"查询任务状态成功，当前状态: running","data":{{"dag_id":"d","status":"running","is_completed":false,"is_running":true,"is_failed":false,"raw_response":{raw}}},"operation":"查询任务状态","execution_time":T,"api_endpoint":"dag"}}"#
            )
        );
    }
}

#[tokio::test]
async fn a_blank_id_is_named_and_nothing_is_sent() {
    let fixture = Fixture::new().await;
    let failure = fixture.fail::<QueryTaskStatus>(&status_of("　")).await;
    assert_eq!(failure.kind, FailureKind::InvalidArgument);
    assert!(failure.message.starts_with("dag_id"), "{failure}");
    fixture.nothing_sent();
}
