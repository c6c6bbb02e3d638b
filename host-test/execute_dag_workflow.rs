//! DAG批处理工作流 over HTTP.

use oge_mock_platform::{Fault, Mock, Outcome, Route};
use oge_tools::error::FailureKind;
use oge_tools::secret::Secret;
use oge_tools::tools::ExecuteDagWorkflow;
use oge_tools::tools::execute_dag_workflow::{Arguments, FinalStatus, Output};
use serde_json::json;

use crate::fixture::{Fixture, assert_headers};

fn code() -> Arguments {
    Arguments { code: "oge.x().export('a')".to_owned(), ..Arguments::default() }
}

fn waiting() -> Arguments {
    Arguments { wait_for_completion: Some(true), check_interval: Some(1), ..code() }
}

/// Runs a workflow, which must have a result.
async fn run(fixture: &Fixture, arguments: &Arguments) -> Output {
    fixture.host.run::<ExecuteDagWorkflow>(arguments).await.unwrap().output
}

#[tokio::test]
async fn every_argument_reaches_the_platform() {
    let fixture = Fixture::new().await;
    let some = |text: &str| Some(text.to_owned());
    let arguments = Arguments {
        user_id: some("u"),
        sample_name: some("s"),
        task_name: some("任务"),
        filename: some("f"),
        crs: some("EPSG:3857"),
        scale: some("30"),
        format: some("png"),
        username: some("n"),
        ..code()
    };
    let output = run(&fixture, &arguments).await;
    assert_eq!(output.final_status, FinalStatus::Submitted);
    let (creation, submission) =
        (fixture.only(Route::ExecuteCode), fixture.only(Route::AddTaskRecord));
    assert_headers(&creation);
    assert_headers(&submission);
    assert_eq!(
        creation.json(),
        json!({"code": "oge.x().export('a')", "userId": "u", "sampleName": "s"})
    );
    assert_eq!(
        submission.json(),
        json!({
            "taskName": "任务", "crs": "EPSG:3857", "scale": "30", "filename": "f", "format": "png",
            "id": output.dag_ids()[0], "userName": "n", "script": "oge.x().export('a')"
        })
    );
}

/// A workflow that fails or is not asked to go to its end keeps what was done.
#[tokio::test]
async fn every_final_status_keeps_what_was_done() {
    type Case = (fn(&Mock), Arguments, FinalStatus, Option<FailureKind>, usize);
    let no_dag =
        |mock: &Mock| mock.response(Route::ExecuteCode, 200, "text/plain", r#"{"dags":{}}"#);
    let in_queue = |mock: &Mock| {
        let full = r#"{"code":500,"msg":"队列已满"}"#;
        mock.response(Route::AddTaskRecord, 200, "application/json", full);
    };
    let cases: [Case; 9] = [
        (
            |_| {},
            Arguments { auto_submit: Some(false), ..code() },
            FinalStatus::DagCreated,
            None,
            1,
        ),
        (|_| {}, code(), FinalStatus::Submitted, None, 2),
        (|_| {}, waiting(), FinalStatus::Completed, None, 3),
        (
            |mock| mock.response(Route::GetState, 200, "text/plain", "killed"),
            waiting(),
            FinalStatus::Failed,
            Some(FailureKind::Api),
            3,
        ),
        (
            |mock| mock.response(Route::GetState, 200, "text/plain", "running"),
            Arguments { max_wait_time: Some(1), ..waiting() },
            FinalStatus::Timeout,
            Some(FailureKind::Timeout),
            3,
        ),
        (
            |mock| mock.fail(Route::GetState, Fault::Status(403)),
            waiting(),
            FinalStatus::Timeout,
            Some(FailureKind::Forbidden),
            3,
        ),
        (
            |mock| mock.fail(Route::ExecuteCode, Fault::Code(500)),
            waiting(),
            FinalStatus::FailedAtDagCreation,
            Some(FailureKind::Api),
            1,
        ),
        (no_dag, waiting(), FinalStatus::NoDagGenerated, Some(FailureKind::Api), 1),
        (in_queue, waiting(), FinalStatus::FailedAtTaskSubmission, Some(FailureKind::Api), 2),
    ];
    for (arrange, arguments, status, kind, steps) in cases {
        let fixture = Fixture::new().await;
        arrange(&fixture.mock);
        let output = run(&fixture, &arguments).await;
        assert_eq!(output.final_status, status);
        assert_eq!(output.failure.as_ref().map(|failure| failure.kind), kind, "{status:?}");
        let data = serde_json::to_value(&output).unwrap();
        assert_eq!(data["final_status"], status.as_str());
        assert_eq!(data["steps"].as_array().unwrap().len(), steps, "{data}");
        let has_dag =
            !matches!(status, FinalStatus::FailedAtDagCreation | FinalStatus::NoDagGenerated);
        assert_eq!(data["dag_ids"].as_array().unwrap().len(), usize::from(has_dag), "{data}");
        let is_submitted = fixture.mock.count_of(Route::AddTaskRecord, Outcome::Accepted) == 1
            && status != FinalStatus::FailedAtTaskSubmission;
        assert_eq!(data["task_info"].is_object(), is_submitted, "{data}");
    }
}

#[tokio::test]
async fn an_expired_token_is_refreshed_in_each_step() {
    for passed in 0..4 {
        let fixture = Fixture::logged_in().await;
        fixture.mock.expire_after(passed);
        let output = run(&fixture, &waiting()).await;
        assert_eq!(output.final_status, FinalStatus::Completed, "after {passed} requests");
        assert_eq!(fixture.mock.count(Route::Token), 1);
        let all = fixture.mock.all_requests();
        assert_eq!(all.iter().filter(|request| request.outcome == Outcome::Expired).count(), 1);
        assert_eq!(fixture.mock.count_of(Route::AddTaskRecord, Outcome::Accepted), 1);
    }
}

#[tokio::test]
async fn a_callers_token_is_sent_with_each_request_and_not_renewed() {
    let fixture = Fixture::new().await;
    let token = fixture.mock.issue_token();
    fixture.mock.expire_after(3);
    let own = Arguments { auth_token: Some(Secret::new(&*token)), ..waiting() };
    let output = run(&fixture, &own).await;
    assert_eq!(output.final_status, FinalStatus::Timeout);
    assert_eq!(output.failure.unwrap().kind, FailureKind::Unauthorized);
    let all = fixture.mock.all_requests();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|request| request.header("authorization") == Some(&*token)));
}

#[tokio::test]
async fn a_failed_query_does_not_end_the_wait() {
    let fixture = Fixture::new().await;
    fixture.mock.fail_times(Route::GetState, 2, Fault::Status(502));
    let output = run(&fixture, &waiting()).await;
    assert_eq!(output.final_status, FinalStatus::Completed);
    assert_eq!(fixture.mock.count(Route::GetState), 5);
    let log = fixture.log();
    let warned =
        log.iter().filter(|line| line.starts_with("warn DAG批处理工作流: 查询任务状态失败"));
    assert_eq!(warned.count(), 2, "{log:?}");
}

#[tokio::test]
async fn a_failure_with_data_hides_the_secrets_of_the_host() {
    let fixture = Fixture::new().await;
    let settings = fixture.mock.settings();
    let (_, password) = settings.iter().find(|(key, _)| key == "OGE_TOKEN_PASSWORD").unwrap();
    let body = format!("no such account: {password}");
    fixture.mock.response(Route::AddTaskRecord, 500, "text/plain", body);
    let failure = run(&fixture, &code()).await.failure.unwrap();
    assert!(failure.message.contains("no such account: ***"), "{failure}");
    assert!(!format!("{failure:?}").contains(&**password), "{failure:?}");
}

#[tokio::test]
async fn nothing_is_sent_if_an_argument_or_a_setting_is_bad() {
    let fixture = Fixture::set(&[("OGE_USERNAME", "")]).await;
    let failure = fixture.fail::<ExecuteDagWorkflow>(&waiting()).await;
    assert_eq!(failure.kind, FailureKind::NotConfigured);
    assert!(failure.message.starts_with("OGE_USERNAME"), "{failure}");
    let named = || Arguments { username: Some("n".to_owned()), ..waiting() };
    for (name, arguments) in [
        ("code", Arguments { code: "\n".to_owned(), ..named() }),
        ("crs", Arguments { crs: Some(" ".to_owned()), ..named() }),
        ("check_interval", Arguments { check_interval: Some(0), ..named() }),
        ("max_wait_time", Arguments { max_wait_time: Some(86_401), ..named() }),
        ("wait_for_completion", Arguments { auto_submit: Some(false), ..named() }),
    ] {
        let failure = fixture.fail::<ExecuteDagWorkflow>(&arguments).await;
        assert_eq!(failure.kind, FailureKind::InvalidArgument);
        assert!(failure.message.starts_with(name), "{failure}");
    }
    fixture.nothing_sent();
}
