//! `execute_dag_workflow` for an MCP client.

use oge_mock_platform::{Fault, Mock, Options, Route};
use serde_json::json;

use super::{STDIO, Session, WAYS, envelope};
use crate::command::mock;

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_waits_and_its_progress_names_step_id_and_state() {
    for way in WAYS {
        let options = Options::default().task_states(["starting", "success"]);
        let mock = Mock::start(options).await.expect("a port on loopback");
        let session = Session::start(&mock.settings(), way).await;
        let arguments = json!({"code": "c", "wait_for_completion": "true", "check_interval": 1});
        let envelope = session.envelope("execute_dag_workflow", arguments).await;
        let data = &envelope["data"];
        assert_eq!(data["final_status"], "completed", "{envelope}");
        let dag = data["dag_ids"][0].as_str().unwrap();
        // Two notifications for each of four requests, three steps, and the end.
        let progress = session.progress(12).await;
        let messages: Vec<_> = progress.iter().filter_map(|step| step.message.as_deref()).collect();
        let steps: Vec<_> = messages.iter().filter(|message| message.starts_with("第")).collect();
        assert_eq!(steps.len(), 3, "{way:?}: {messages:?}");
        assert!(steps.iter().all(|step| step.contains(dag)), "{steps:?}");
        assert!(steps[2].starts_with("第3步 等待任务完成，任务状态: starting"), "{steps:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_hides_a_secret_that_the_platform_repeats() {
    for way in STDIO {
        let mock = mock().await;
        let settings = mock.settings();
        let password = settings.iter().find(|(key, _)| key == "OGE_TOKEN_PASSWORD").unwrap();
        let body = json!({"dags": {&*password.1: {}}}).to_string();
        mock.response(Route::ExecuteCode, 200, "application/json", body);
        mock.response(Route::GetState, 200, "text/plain", password.1.clone());
        for (tool, arguments, messages, hidden) in [
            ("execute_dag_workflow", json!({"code": "c"}), 4, "dag_id: ***"),
            ("query_task_status", json!({"dag_id": "d", "wait_seconds": 1}), 6, "任务状态: ***"),
        ] {
            let session = Session::start(&settings, way).await;
            session.call(tool, arguments).await;
            let progress = format!("{:?}", session.progress(messages).await);
            assert!(progress.contains(hidden), "{way:?}: {progress}");
            assert!(!progress.contains(&*password.1), "{way:?}: {progress}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_workflow_is_an_error_that_keeps_its_data() {
    for way in STDIO {
        let mock = mock().await;
        mock.fail(Route::AddTaskRecord, Fault::Status(502));
        let session = Session::start(&mock.settings(), way).await;
        let arguments = json!({"code": "c", "nobody": 1});
        let result = session.call("execute_dag_workflow", arguments).await;
        assert_eq!(result.is_error, Some(true));
        let envelope = envelope(&result);
        assert_eq!((&envelope["success"], &envelope["code"]), (&json!(false), &json!(1)));
        assert_eq!(envelope["api_endpoint"], "dag");
        assert_eq!(envelope["data"]["final_status"], "failed_at_task_submission");
        assert_eq!(envelope["data"]["dag_ids"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&envelope["error"]["kind"], &envelope["error"]["http_status"]),
            (&json!("api"), &json!(502))
        );
        assert_eq!(envelope["ignored_arguments"], json!(["nobody"]));
    }
}
