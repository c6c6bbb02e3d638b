//! A call that waits is a task for a client that declares the extension.

use std::time::Duration;

use oge_mock_platform::{Fault, Mock, Options, Route};
use rmcp::model::{
    CallToolResponse, CallToolResult, CancelTaskParams, ClientCapabilities, DetailedTask,
    GetTaskParams, Task, TaskPayload, UpdateTaskParams,
};
use rmcp::service::ServiceError;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Session, Transport, WAYS, envelope, request, with};

/// The ways in which the server sees a client's capabilities: without sessions only the newest protocol sends
/// them with each request.
fn ways() -> impl Iterator<Item = (Transport, &'static str)> {
    let is_seen = |way: &(Transport, &str)| {
        way.1 == "2026-07-28" || matches!(way.0, Transport::Stdio | Transport::OgeStdio)
    };
    WAYS.into_iter().filter(is_seen)
}

async fn mock(states: &[&str]) -> Mock {
    let options = Options::default().task_states(states.iter().copied());
    let mock = Mock::start(options).await.expect("a port on loopback");
    mock.start_task("d");
    mock
}

async fn session(mock: &Mock, way: (Transport, &str)) -> Session {
    let tasks = ClientCapabilities::builder().enable_tasks().build();
    Session::start_with(tasks, &mock.settings(), way).await
}

async fn call(session: &Session, arguments: Value) -> CallToolResponse {
    session.client.call_tool_once(request("query_task_status", arguments)).await.unwrap()
}

async fn begin(session: &Session, wait_seconds: u64) -> Task {
    match call(session, json!({"dag_id": "d", "wait_seconds": wait_seconds})).await {
        CallToolResponse::Task(created) => created.task,
        other => panic!("{other:?} is no task"),
    }
}

async fn poll(session: &Session, id: &str) -> DetailedTask {
    session.client.get_task(GetTaskParams::new(id)).await.unwrap().task
}

#[track_caller]
fn result(task: DetailedTask) -> CallToolResult {
    match task.payload {
        TaskPayload::Completed { result } => serde_json::from_value(Value::Object(result)).unwrap(),
        other => panic!("{other:?} is no result"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_instance_answers_for_a_task() {
    let mut others: Vec<_> = ways().collect();
    others.rotate_left(1);
    for (way, other) in ways().zip(others) {
        let mock = mock(&["starting", "running", "success"]).await;
        let first = session(&mock, way).await;
        let started = Instant::now();
        let created = begin(&first, 600).await;
        assert!(started.elapsed() < Duration::from_secs(2), "{way:?}");
        assert_eq!(mock.count(Route::GetState), 0);
        assert_eq!((created.ttl_ms, created.poll_interval_ms), (None, Some(2000)));
        let task = poll(&first, &created.task_id).await;
        assert_eq!(task.payload, TaskPayload::Working);
        let message = task.task.status_message.unwrap();
        assert!(message.starts_with("任务状态: starting (已等待 "), "{message}");
        assert_eq!(task.task.created_at, created.created_at);
        drop(first);
        // Another process, in another host.
        let second = session(&mock, other).await;
        let id = &created.task_id;
        assert_eq!(poll(&second, id).await.payload, TaskPayload::Working);
        second.client.cancel_task(CancelTaskParams::new(id)).await.unwrap();
        let nothing = UpdateTaskParams::new(id, Default::default());
        second.client.update_task(nothing).await.unwrap();
        let ended = envelope(&result(poll(&second, id).await));
        assert_eq!(ended["data"]["status"], json!("success"), "{way:?} {other:?}: {ended}");
        assert_eq!(mock.count(Route::GetState), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_a_task_is_answered_as_before() {
    for way in ways() {
        let mock = mock(&["success"]).await;
        let session = session(&mock, way).await;
        let own_token = mock.issue_token();
        for arguments in [
            json!({"dag_id": "d"}),
            json!({"dag_id": "d", "wait_seconds": 0}),
            json!({"dag_id": "d", "wait_seconds": 60, "auth_token": own_token}),
            json!({"dag_id": "d", "wait_seconds": 601}),
            json!({"wait_seconds": 60}),
        ] {
            let answer = call(&session, arguments.clone()).await;
            assert!(matches!(answer, CallToolResponse::Complete(_)), "{arguments}: {answer:?}");
        }
        // A client without the extension gets the result, and cannot poll.
        let plain = Session::start(&mock.settings(), way).await;
        let arguments = json!({"dag_id": "d", "wait_seconds": 60});
        assert_eq!(plain.envelope("query_task_status", arguments).await["success"], json!(true));
        let Err(ServiceError::McpError(error)) =
            plain.client.get_task(GetTaskParams::new("x")).await
        else {
            panic!("{way:?}: no error");
        };
        assert_eq!(error.code.0, -32021);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_account_or_of_nobody_is_refused() {
    for way in ways() {
        let mock = mock(&["success"]).await;
        let id = begin(&session(&mock, way).await, 600).await.task_id;
        let tasks = ClientCapabilities::builder().enable_tasks().build();
        let settings = with(&mock, &[("OGE_TOKEN_USERNAME", "somebody-else")]);
        let session = Session::start_with(tasks, &settings, way).await;
        mock.clear_requests();
        for id in [&*id, "d", ""] {
            let refused = [
                session.client.get_task(GetTaskParams::new(id)).await.map(drop),
                session.client.cancel_task(CancelTaskParams::new(id)).await,
            ];
            for refused in refused {
                let Err(ServiceError::McpError(error)) = refused else { panic!("{id}") };
                assert_eq!(error.code.0, -32602);
                assert!(error.message.contains("Call query_task_status"), "{}", error.message);
            }
        }
        assert_eq!(mock.all_requests().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_outlives_a_failed_poll_and_ends_with_the_wait() {
    for way in ways() {
        let mock = mock(&["running"]).await;
        let session = session(&mock, way).await;
        let id = begin(&session, 600).await.task_id;
        mock.fail(Route::GetState, Fault::Status(502));
        let task = poll(&session, &id).await;
        assert_eq!(task.payload, TaskPayload::Working, "{way:?}");
        let message = task.task.status_message.unwrap();
        assert!(message.contains("HTTP 502"), "{message}");
        mock.clear_all_faults();
        assert_eq!(poll(&session, &id).await.payload, TaskPayload::Working);
        mock.fail(Route::GetState, Fault::Status(403));
        let failed = envelope(&result(poll(&session, &id).await));
        assert_eq!(failed["error"]["kind"], json!("forbidden"), "{failed}");
        mock.clear_all_faults();
        let short = begin(&session, 1).await;
        assert_eq!(short.poll_interval_ms, Some(1000));
        sleep(Duration::from_secs(1)).await;
        let over = envelope(&result(poll(&session, &short.task_id).await));
        assert_eq!(over["data"]["is_running"], json!(true), "{over}");
    }
}

/// The DAG task is made and submitted at once, because the id of the task has its id.
#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_waits_is_a_task_once_it_is_submitted() {
    let mut others: Vec<_> = ways().collect();
    others.rotate_left(1);
    for (way, other) in ways().zip(others) {
        let options = Options::default().task_states(["starting", "success"]);
        let mock = Mock::start(options).await.expect("a port on loopback");
        let arguments = json!({"code": "c", "wait_for_completion": true, "check_interval": 7});
        let first = session(&mock, way).await;
        let begun = first.client.call_tool_once(request("execute_dag_workflow", arguments)).await;
        let CallToolResponse::Task(created) = begun.unwrap() else { panic!("{way:?}: no task") };
        let counts = [Route::ExecuteCode, Route::AddTaskRecord, Route::GetState];
        assert_eq!(counts.map(|route| mock.count(route)), [1, 1, 0]);
        assert_eq!(created.task.poll_interval_ms, Some(7000));
        drop(first);
        let second = session(&mock, other).await;
        let id = &created.task.task_id;
        let working = poll(&second, id).await;
        assert_eq!(working.payload, TaskPayload::Working);
        assert!(working.task.status_message.unwrap().starts_with("任务状态: starting"));
        let ended = envelope(&result(poll(&second, id).await));
        let data = &ended["data"];
        assert_eq!((&ended["success"], &data["final_status"]), (&json!(true), &json!("completed")));
        assert_eq!(data["steps"].as_array().unwrap().len(), 3, "{ended}");
        assert!(data["task_info"]["task_name"].is_string(), "{ended}");
        assert_eq!(counts.map(|route| mock.count(route)), [1, 1, 2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_fails_before_it_waits_is_answered_at_once() {
    for way in ways() {
        let mock = mock(&["success"]).await;
        mock.fail(Route::AddTaskRecord, Fault::Status(502));
        let session = session(&mock, way).await;
        let arguments = json!({"code": "c", "wait_for_completion": true});
        let answer =
            session.client.call_tool_once(request("execute_dag_workflow", arguments)).await;
        let CallToolResponse::Complete(result) = answer.unwrap() else { panic!("a task") };
        let ended = envelope(&result);
        assert_eq!(ended["data"]["final_status"], "failed_at_task_submission", "{ended}");
    }
}
