//! 代码转DAG任务 over HTTP.

use oge_mock_platform::Route;
use oge_tools::error::FailureKind;
use oge_tools::secret::Secret;
use oge_tools::tools::ExecuteCodeToDag;
use oge_tools::tools::execute_code_to_dag::Arguments;
use serde_json::json;

use crate::fixture::{Fixture, assert_headers, code};

#[tokio::test]
async fn the_code_is_sent_and_the_ids_are_returned() {
    let fixture = Fixture::set(&[("OGE_USER_ID", "u-1")]).await;
    let done = fixture.host.run::<ExecuteCodeToDag>(&code()).await.unwrap();
    assert_eq!((done.output.dag_ids.len(), done.output.user_id.as_str()), (1, "u-1"));
    let request = fixture.only(Route::ExecuteCode);
    assert_headers(&request);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/api/oge-dag-22/executeCode")
    );
    assert_eq!(
        request.json(),
        json!({"code": "oge.x().export('a')", "userId": "u-1", "sampleName": ""})
    );
}

#[tokio::test]
async fn every_argument_reaches_the_platform() {
    let fixture = Fixture::new().await;
    let arguments = Arguments {
        user_id: Some("u-2".to_owned()),
        sample_name: Some("样例".to_owned()),
        auth_token: Some(Secret::new(fixture.mock.issue_token())),
        ..code()
    };
    fixture.host.run::<ExecuteCodeToDag>(&arguments).await.unwrap();
    let sent = fixture.only(Route::ExecuteCode).json();
    assert_eq!((&sent["userId"], &sent["sampleName"]), (&json!("u-2"), &json!("样例")));
    assert_eq!(fixture.mock.count(Route::Token), 0);
}

#[tokio::test]
async fn the_envelope_keeps_the_platforms_json() {
    let fixture = Fixture::set(&[("OGE_USER_ID", "u-1")]).await;
    let body = r#"{"dags":{"b":{"x": 1.0},"a":"id-2"},"spaceParams":{"k":1e3},"log":"生成"}"#;
    fixture.mock.response(Route::ExecuteCode, 200, "application/json", body);
    assert_eq!(
        fixture.envelope::<ExecuteCodeToDag>(&code()).await,
        r#"{"success":true,"code":0,"msg":"代码转DAG任务成功，生成了2个DAG任务","data":{"dags":{"b":{"x":1.0},"a":"id-2"},"dag_ids":["b","id-2"],"space_params":{"k":1e3},"log":"生成","user_id":"u-1","sample_name":""},"operation":"代码转DAG任务","execution_time":T,"api_endpoint":"dag"}"#
    );
}

#[tokio::test]
async fn empty_dags_are_valid_and_other_forms_are_bad_replies() {
    let fixture = Fixture::new().await;
    fixture.mock.response(Route::ExecuteCode, 200, "application/json", r#"{"dags":{}}"#);
    let done = fixture.host.run::<ExecuteCodeToDag>(&code()).await.unwrap();
    assert!(done.output.dag_ids.is_empty());
    for body in [r#"{"dags":[]}"#, r#"{"dags":{"a":1}}"#, r#"{"log":""}"#, "[]", "no json", ""] {
        fixture.mock.response(Route::ExecuteCode, 200, "application/json", body);
        let failure = fixture.fail::<ExecuteCodeToDag>(&code()).await;
        assert_eq!(
            (failure.kind, failure.http_status),
            (FailureKind::BadReply, Some(200)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_bad_argument_is_named_and_nothing_is_sent() {
    let fixture = Fixture::new().await;
    for (name, arguments) in [
        ("code", Arguments { code: " \n".to_owned(), ..Arguments::default() }),
        ("user_id", Arguments { user_id: Some(String::new()), ..code() }),
        ("auth_token", Arguments { auth_token: Some(Secret::new("a\r\nb")), ..code() }),
        ("auth_token", Arguments { auth_token: Some(Secret::new(" ")), ..code() }),
    ] {
        let failure = fixture.fail::<ExecuteCodeToDag>(&arguments).await;
        assert_eq!(failure.kind, FailureKind::InvalidArgument);
        assert!(failure.message.starts_with(name), "{failure}");
    }
    fixture.nothing_sent();
}
