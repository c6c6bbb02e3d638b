//! 提交批处理任务 over HTTP.

use oge_mock_platform::Route;
use oge_tools::error::FailureKind;
use oge_tools::tools::SubmitBatchTask;
use oge_tools::tools::submit_batch_task::Arguments;
use serde_json::json;

use crate::fixture::{Fixture, assert_headers, submission};

#[tokio::test]
async fn defaults_are_those_of_the_old_server() {
    let fixture = Fixture::set(&[("OGE_USERNAME", "n-1"), ("OGE_UTC_OFFSET", "+00:00")]).await;
    fixture.host.run::<SubmitBatchTask>(&submission("d-1")).await.unwrap();
    let request = fixture.only(Route::AddTaskRecord);
    assert_headers(&request);
    let mut sent = request.json();
    for (field, prefix) in [("taskName", "task_20"), ("filename", "file_20")] {
        let name = sent[field].take();
        let name = name.as_str().unwrap();
        assert!(
            name.starts_with(prefix) && name.len() == "task_YYYY_mm_dd_HH_MM_SS".len(),
            "{name}"
        );
    }
    assert_eq!(
        sent,
        json!({
            "taskName": null, "crs": "EPSG:4326", "scale": "1000", "filename": null,
            "format": "tif", "id": "d-1", "userName": "n-1", "script": ""
        })
    );
}

#[tokio::test]
async fn every_argument_reaches_the_platform() {
    let fixture = Fixture::new().await;
    let some = |text: &str| Some(text.to_owned());
    let arguments = Arguments {
        task_name: some("任务"),
        filename: some("f"),
        crs: some("EPSG:3857"),
        scale: some("30"),
        format: some("png"),
        username: some("n"),
        script: some("s"),
        ..submission("d")
    };
    fixture.host.run::<SubmitBatchTask>(&arguments).await.unwrap();
    assert_eq!(
        fixture.only(Route::AddTaskRecord).json(),
        json!({
            "taskName": "任务", "crs": "EPSG:3857", "scale": "30", "filename": "f",
            "format": "png", "id": "d", "userName": "n", "script": "s"
        })
    );
}

#[tokio::test]
async fn the_envelope_keeps_the_platforms_record() {
    let fixture = Fixture::new().await;
    let body = r#"{"code":200,"data":{"batchSessionId":"s","id":7,"dagId":"d","taskName":"t","state":"starting","filename":"f","format":"tif","scale":1e3,"crs":"c","userId":"u","userName":"n","folder":null}}"#;
    fixture.mock.response(Route::AddTaskRecord, 200, "application/json", body);
    assert_eq!(
        fixture.envelope::<SubmitBatchTask>(&submission("d")).await,
        format!(
            r#"{{"success":true,"code":0,"msg":"提交批处理任务成功，任务状态: starting","data":{{"batch_session_id":"s","task_id":7,"dag_id":"d","task_name":"t","state":"starting","filename":"f","format":"tif","scale":1e3,"crs":"c","user_id":"u","username":"n","folder":null,"api_response":{body}}},"operation":"提交批处理任务","execution_time":T,"api_endpoint":"dag"}}"#
        )
    );
}

#[tokio::test]
async fn codes_other_than_200_fail_and_no_code_is_a_bad_reply() {
    let fixture = Fixture::new().await;
    for (body, kind) in [
        (r#"{"code":20000,"msg":"队列已满"}"#, FailureKind::Api),
        (r#"{"code":0,"msg":"队列已满"}"#, FailureKind::Api),
        (r#"{"data":{}}"#, FailureKind::BadReply),
        (r#"{"code":"200","data":{}}"#, FailureKind::BadReply),
        (r#"{"code":200,"data":null}"#, FailureKind::BadReply),
        ("ok", FailureKind::BadReply),
    ] {
        fixture.mock.response(Route::AddTaskRecord, 200, "application/json", body);
        let failure = fixture.fail::<SubmitBatchTask>(&submission("d")).await;
        assert_eq!(failure.kind, kind, "{body}");
        assert!(kind != FailureKind::Api || failure.message.contains("队列已满"), "{failure}");
    }
}

#[tokio::test]
async fn a_blank_argument_is_named_and_nothing_is_sent() {
    let fixture = Fixture::new().await;
    let blank = || Some("\t".to_owned());
    for (name, arguments) in [
        ("dag_id", submission(" ")),
        ("task_name", Arguments { task_name: blank(), ..submission("d") }),
        ("filename", Arguments { filename: blank(), ..submission("d") }),
        ("crs", Arguments { crs: blank(), ..submission("d") }),
        ("scale", Arguments { scale: blank(), ..submission("d") }),
        ("format", Arguments { format: blank(), ..submission("d") }),
        ("username", Arguments { username: blank(), ..submission("d") }),
    ] {
        let failure = fixture.fail::<SubmitBatchTask>(&arguments).await;
        assert_eq!(failure.kind, FailureKind::InvalidArgument);
        assert!(failure.message.starts_with(name), "{failure}");
    }
    fixture.nothing_sent();
}
