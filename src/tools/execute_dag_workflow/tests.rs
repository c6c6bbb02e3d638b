use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use serde_json::{Value, json};

use super::*;
use crate::client::TransportError;
use crate::envelope::Envelope;
use crate::request::Request;
use crate::response::Response;
use crate::secret::Redactor;
use crate::settings::test::settings;
use crate::token::{Token, TokenError};

const CREATED: &str = r#"{"dags":{"d1":{"n":1.50}},"spaceParams":{},"log":"ok"}"#;
const RECORD: &str = r#"{"code":200,"data":{"id":7,"dagId":"d1","state":"starting","scale":1e3}}"#;

/// A platform with scripted responses, in order: a body, a status and a body, or no connection.
struct Script {
    responses: RefCell<VecDeque<Result<(u16, &'static str), TransportError>>>,
    sent: RefCell<Vec<Request>>,
}

impl Transport for &Script {
    async fn send(
        &self,
        request: &Request,
        _: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        self.sent.borrow_mut().push(request.clone());
        let next = self.responses.borrow_mut().pop_front();
        let (status, body) = next.expect("a request too many")?;
        Ok(Response { status, body: body.as_bytes().to_vec(), ..Response::default() })
    }
}

struct Store;

impl TokenStore for Store {
    async fn get(&self) -> Result<Token, TokenError> {
        Ok(Token { authorization: Secret::new("Bearer t"), generation: 1 })
    }

    async fn peek(&self) -> Option<Token> {
        self.get().await.ok()
    }

    async fn refresh(&self, _: Option<u64>) -> Result<Token, TokenError> {
        Ok(Token { authorization: Secret::new("Bearer u"), generation: 2 })
    }
}

/// A clock that only sleeping moves.
#[derive(Default)]
struct Asleep(Cell<Duration>);

impl Clock for &Asleep {
    fn monotonic(&self) -> Duration {
        self.0.get()
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(1_767_323_045)
    }

    async fn sleep(&self, time: Duration) {
        self.0.set(self.0.get() + time);
    }
}

/// What a workflow did.
struct Ran {
    result: Result<Completed<Output>, Failure>,
    sent: Vec<Request>,
    slept: Duration,
    log: Vec<String>,
}

impl Ran {
    fn output(&self) -> &Output {
        &self.result.as_ref().unwrap().output
    }

    fn data(&self) -> Value {
        serde_json::to_value(self.output()).unwrap()
    }

    fn failure(&self) -> &Failure {
        self.output().failure.as_ref().unwrap()
    }
}

fn run_with(
    settings: Settings,
    arguments: Arguments,
    responses: impl IntoIterator<Item = Result<(u16, &'static str), TransportError>>,
) -> Ran {
    let script = Script {
        responses: RefCell::new(responses.into_iter().collect()),
        sent: RefCell::default(),
    };
    let (clock, log) = (Asleep::default(), RefCell::default());
    let client = Client {
        settings,
        transport: &script,
        token_store: Store,
        clock: &clock,
        observe: |operation: &str, event: Event<'_>| {
            let log: &RefCell<Vec<String>> = &log;
            log.borrow_mut().push(event.line(operation));
        },
        redactor: Redactor::default(),
        trace: None,
    };
    let running = pin!(client.run::<ExecuteDagWorkflow>(arguments));
    let Poll::Ready(result) = running.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nothing here waits");
    };
    Ran { result, sent: script.sent.take(), slept: clock.0.get(), log: log.take() }
}

fn run(
    arguments: Arguments,
    responses: impl IntoIterator<Item = Result<(u16, &'static str), TransportError>>,
) -> Ran {
    run_with(settings(), arguments, responses)
}

fn ok(body: &'static str) -> Result<(u16, &'static str), TransportError> {
    Ok((200, body))
}

fn no_connection() -> Result<(u16, &'static str), TransportError> {
    Err(TransportError::Network("refused".to_owned()))
}

fn code() -> Arguments {
    Arguments { code: "c".to_owned(), ..Arguments::default() }
}

fn waiting() -> Arguments {
    Arguments { wait_for_completion: Some(true), ..code() }
}

/// Runs a workflow whose task has these states.
fn watched(states: &[&'static str]) -> Ran {
    let states = states.iter().map(|state| ok(state));
    run(waiting(), [ok(CREATED), ok(RECORD)].into_iter().chain(states))
}

fn statuses(data: &Value) -> Vec<(u64, &str, bool, bool)> {
    let steps = data["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let flag = |value: &Value| value.as_bool().unwrap();
            let (success, result) = (flag(&step["success"]), flag(&step["result"]["success"]));
            (step["step"].as_u64().unwrap(), step["name"].as_str().unwrap(), success, result)
        })
        .collect()
}

#[test]
fn no_event_has_a_token_that_the_platform_repeats() {
    let own = Arguments { auth_token: Some(Secret::new("the-callers-own")), ..waiting() };
    for (arguments, dags, states) in [
        (own, r#"{"dags":{"the-callers-own":{}}}"#, ["the-callers-own", "completed"]),
        (waiting(), r#"{"dags":{"is-Bearer t":{}}}"#, ["is-Bearer t", "completed"]),
    ] {
        let ran = run(arguments, [ok(dags), ok(RECORD), ok(states[0]), ok(states[1])]);
        let log = ran.log.concat();
        assert!(log.contains("***") && log.contains("第3步"), "{log}");
        assert!(!log.contains("own") && !log.contains("Bearer t"), "{log}");
    }
}

#[test]
fn the_first_dag_is_submitted_with_the_code_as_script() {
    let arguments = Arguments {
        user_id: Some("u".to_owned()),
        sample_name: Some("s".to_owned()),
        task_name: Some("t".to_owned()),
        filename: Some("f".to_owned()),
        crs: Some("c".to_owned()),
        scale: Some("30".to_owned()),
        format: Some("png".to_owned()),
        username: Some("n".to_owned()),
        ..code()
    };
    let ran = run(arguments, [ok(CREATED), ok(RECORD)]);
    let bodies: Vec<_> = ran.sent.iter().map(|request| request.body.as_deref().unwrap()).collect();
    assert_eq!(
        bodies,
        [
            r#"{"code":"c","userId":"u","sampleName":"s"}"#,
            r#"{"taskName":"t","crs":"c","scale":"30","filename":"f","format":"png","id":"d1","userName":"n","script":"c"}"#
        ]
    );
    let data = ran.data();
    assert_eq!(data["final_status"], "submitted");
    assert_eq!(data["dag_ids"], json!(["d1"]));
    assert_eq!(
        (&data["task_info"]["task_id"], &data["task_info"]["state"]),
        (&json!(7), &json!("starting"))
    );
    assert_eq!(statuses(&data), [(1, "代码转DAG", true, true), (2, "提交批处理任务", true, true)]);
    assert!(data["next_step"].as_str().unwrap().contains("query_task_status with dag_id d1"));
}

#[test]
fn defaults_are_those_of_the_old_server() {
    let ran = run(code(), [ok(CREATED), ok(RECORD)]);
    assert_eq!(
        ran.sent[1].body.as_deref(),
        Some(
            r#"{"taskName":"task_2026_01_02_11_04_05","crs":"EPSG:4326","scale":"1000","filename":"file_2026_01_02_11_04_05","format":"tif","id":"d1","userName":"name-1","script":"c"}"#
        )
    );
    assert_eq!(ran.slept, Duration::ZERO);
}

#[test]
fn without_auto_submit_the_dag_is_left_to_the_caller() {
    let ran = run(Arguments { auto_submit: Some(false), ..code() }, [ok(CREATED)]);
    let data = ran.data();
    assert_eq!((&data["final_status"], &data["task_info"]), (&json!("dag_created"), &Value::Null));
    assert_eq!(statuses(&data), [(1, "代码转DAG", true, true)]);
    assert!(data["next_step"].as_str().unwrap().contains("submit_batch_task with dag_id d1"));
    assert_eq!(
        ExecuteDagWorkflow::message(ran.output()),
        "DAG批处理工作流成功，最终状态: dag_created"
    );
}

#[test]
fn waiting_queries_at_the_interval_until_the_task_ends() {
    let ran = watched(&["starting", "running", "success"]);
    assert_eq!(ran.slept, Duration::from_secs(30));
    let data = ran.data();
    assert_eq!(data["final_status"], "completed");
    assert_eq!(data["next_step"], Value::Null);
    assert_eq!(data["execution_times"], json!({"total": 30.0}));
    assert_eq!(statuses(&data)[2], (3, "等待任务完成", true, true));
    assert_eq!(data["steps"][2]["result"]["data"]["status"], "success");
    assert_eq!(data["steps"][2]["result"]["execution_time"], 30.0);
    assert!(
        ran.sent[2..]
            .iter()
            .all(|request| request.url.path_and_query() == "/dag/getState?dagId=d1")
    );
}

#[test]
fn a_failed_task_is_a_failure_that_keeps_everything() {
    let ran = watched(&["running", "failed"]);
    let data = ran.data();
    assert_eq!(data["final_status"], "failed");
    assert_eq!(data["dag_ids"][0], "d1");
    assert_eq!(data["task_info"]["task_id"], 7);
    assert_eq!(statuses(&data)[2], (3, "等待任务完成", false, true));
    assert_eq!(ran.failure().kind, FailureKind::Api);
    let envelope = Envelope::of::<ExecuteDagWorkflow>(Ok(ran.result.unwrap())).to_json();
    assert!(envelope.starts_with(
        r#"{"success":false,"code":1,"msg":"DAG批处理工作流失败: the platform ended the task in the state failed","data":{"final_status":"failed","dag_ids":["d1"],"next_step":null,"#
    ), "{envelope}");
    assert!(
        envelope.ends_with(
            r#""operation":"DAG批处理工作流","execution_time":15.0,"api_endpoint":"dag"}"#
        ),
        "{envelope}"
    );
    assert!(
        ran.log.last().unwrap().starts_with("error DAG批处理工作流: 失败: api: the platform ended")
    );
}

#[test]
fn a_wait_ends_at_max_wait_time_and_the_task_goes_on() {
    let arguments = Arguments { check_interval: Some(20), max_wait_time: Some(30), ..waiting() };
    let states = [ok("running"), ok("running"), ok("paused")];
    let ran = run(arguments, [ok(CREATED), ok(RECORD)].into_iter().chain(states));
    assert_eq!(ran.slept, Duration::from_secs(30));
    assert_eq!(ran.output().final_status, FinalStatus::Timeout);
    assert_eq!(ran.failure().kind, FailureKind::Timeout);
    assert_eq!(
        ExecuteDagWorkflow::message(ran.output()),
        "DAG批处理工作流失败: the task has not ended within 30 s; its last known state is paused; the task \
         goes on; call query_task_status with dag_id d1 (wait_seconds waits for its end)"
    );
}

#[test]
fn a_failed_creation_is_a_step_without_a_successor() {
    for (response, kind) in [
        (no_connection(), FailureKind::Network),
        (ok(r#"{"code":500,"msg":"语法错误"}"#), FailureKind::Api),
        (ok("{}"), FailureKind::BadReply),
    ] {
        let ran = run(waiting(), [response]);
        let data = ran.data();
        assert_eq!(data["final_status"], "failed_at_dag_creation");
        assert_eq!((&data["dag_ids"], &data["task_info"]), (&json!([]), &Value::Null));
        assert_eq!(statuses(&data), [(1, "代码转DAG", false, false)]);
        assert_eq!(ran.failure().kind, kind);
        let message = ExecuteDagWorkflow::message(ran.output());
        assert!(message.starts_with("DAG批处理工作流失败: 代码转DAG任务失败: "), "{message}");
    }
}

#[test]
fn dags_that_are_not_submitted_are_named() {
    let created = ok(r#"{"dags":{"d1":{},"x":"d2"}}"#);
    let ran = run(waiting(), [created, ok(RECORD), ok("success")]);
    let data = ran.data();
    assert_eq!(data["dag_ids"], json!(["d1", "d2"]));
    let next = "the other dag_ids are not submitted; call submit_batch_task with each";
    assert_eq!(data["next_step"], next);
}

#[test]
fn code_without_a_dag_is_not_submitted() {
    let ran = run(waiting(), [ok(r#"{"dags":{},"log":"nothing exported"}"#)]);
    let data = ran.data();
    assert_eq!(data["final_status"], "no_dag_generated");
    assert_eq!(statuses(&data), [(1, "代码转DAG", false, true)]);
    assert_eq!(data["steps"][0]["result"]["data"]["log"], "nothing exported");
}

#[test]
fn a_failed_submission_keeps_the_dag_and_says_how_to_go_on() {
    for (response, next) in [
        (
            ok(r#"{"code":500,"msg":"队列已满"}"#),
            "the DAG task is kept; call submit_batch_task with dag_id d1",
        ),
        (
            Ok((504, "<html>")),
            "the platform may have taken the task; call query_task_status with dag_id d1",
        ),
        (
            no_connection(),
            "the platform may have taken the task; call query_task_status with dag_id d1",
        ),
    ] {
        let ran = run(waiting(), [ok(CREATED), response]);
        let data = ran.data();
        assert_eq!(data["final_status"], "failed_at_task_submission");
        assert_eq!(data["dag_ids"], json!(["d1"]));
        assert_eq!(
            statuses(&data),
            [(1, "代码转DAG", true, true), (2, "提交批处理任务", false, false)]
        );
        assert!(data["next_step"].as_str().unwrap().starts_with(next), "{data}");
    }
}

#[test]
fn a_failed_query_does_not_end_the_wait() {
    let queries =
        [no_connection(), ok("running"), Ok((502, "<html>")), no_connection(), ok("success")];
    let ran = run(waiting(), [ok(CREATED), ok(RECORD)].into_iter().chain(queries));
    assert_eq!(ran.output().final_status, FinalStatus::Completed);
    let warnings = ran.log.iter().filter(|line| line.starts_with("warn ")).count();
    assert_eq!(warnings, 3);
}

#[test]
fn five_failed_queries_in_a_row_end_the_wait() {
    let queries = [ok("running")].into_iter().chain((0..5).map(|_| no_connection()));
    let ran = run(waiting(), [ok(CREATED), ok(RECORD)].into_iter().chain(queries));
    let data = ran.data();
    assert_eq!(data["final_status"], "timeout");
    assert_eq!(data["steps"][2]["result"]["data"]["status"], "running");
    assert_eq!(ran.failure().kind, FailureKind::Network);
    assert!(ran.failure().message.contains("could not be queried 5 times in a row: no answer"));
    assert!(data["next_step"].as_str().unwrap().contains("query_task_status"));
}

#[test]
fn without_any_state_the_third_step_has_the_failure() {
    let queries = (0..5).map(|_| no_connection());
    let ran = run(waiting(), [ok(CREATED), ok(RECORD)].into_iter().chain(queries));
    let data = ran.data();
    assert_eq!(statuses(&data)[2], (3, "等待任务完成", false, false));
}

#[test]
fn a_callers_token_is_used_for_each_request_and_never_renewed() {
    let own = Arguments { auth_token: Some(Secret::new("own")), ..waiting() };
    let expired = ok(r#"{"code":40003,"msg":"token过期"}"#);
    let ran = run(own, [ok(CREATED), ok(RECORD), ok("running"), expired]);
    assert_eq!(ran.output().final_status, FinalStatus::Timeout);
    assert_eq!(ran.failure().kind, FailureKind::Unauthorized);
    assert_eq!(ran.sent.len(), 4);
}

#[test]
fn an_expired_token_is_renewed_in_each_step() {
    let expired = || ok(r#"{"code":40003,"msg":"token过期"}"#);
    let responses =
        [expired(), ok(CREATED), expired(), ok(RECORD), expired(), ok("running"), ok("success")];
    let ran = run(waiting(), responses);
    assert_eq!(ran.output().final_status, FinalStatus::Completed);
    assert_eq!(ran.result.unwrap().attempts, 2);
}

#[test]
fn the_log_names_step_id_and_state() {
    let ran = watched(&["running", "success"]);
    assert_eq!(
        ran.log.iter().filter(|line| line.contains(" DAG批处理工作流: ")).collect::<Vec<_>>(),
        [
            "info DAG批处理工作流: 第1步 代码转DAG完成，生成了1个DAG任务，dag_id: d1\n",
            "info DAG批处理工作流: 第2步 提交批处理任务成功，任务状态: starting，dag_id: d1\n",
            "debug DAG批处理工作流: 第3步 等待任务完成，任务状态: running (dag_id: d1, 已等待 0s)\n",
            "info DAG批处理工作流: API调用成功 - 耗时: 15.00s\n",
        ]
    );
}

#[test]
fn nothing_is_sent_if_any_step_lacks_something() {
    let without = |absent: &'static str| {
        let value = move |key: &str| match key {
            key if key == absent => None,
            "OGE_DAG_URL" => Some("http://oge.test/dag/"),
            "OGE_USER_ID" | "OGE_USERNAME" => Some("someone"),
            _ => None,
        };
        Settings::read(|key| value(key).map(ToOwned::to_owned)).unwrap()
    };
    for absent in ["OGE_DAG_URL", "OGE_USER_ID", "OGE_USERNAME"] {
        let ran = run_with(without(absent), code(), []);
        let failure = ran.result.err().unwrap();
        assert_eq!(failure.kind, FailureKind::NotConfigured);
        assert!(failure.message.starts_with(absent), "{failure}");
    }
    let dag_only = Arguments { auto_submit: Some(false), ..code() };
    let ran = run_with(without("OGE_USERNAME"), dag_only, [ok(CREATED)]);
    assert_eq!(ran.output().final_status, FinalStatus::DagCreated);

    let blank = || Some(" ".to_owned());
    for (name, arguments) in [
        ("code", Arguments { code: " ".to_owned(), ..code() }),
        ("user_id", Arguments { user_id: blank(), ..code() }),
        ("task_name", Arguments { task_name: blank(), ..code() }),
        ("filename", Arguments { filename: blank(), ..code() }),
        ("crs", Arguments { crs: blank(), ..code() }),
        ("scale", Arguments { scale: blank(), ..code() }),
        ("format", Arguments { format: blank(), ..code() }),
        ("username", Arguments { username: blank(), ..code() }),
        ("auth_token", Arguments { auth_token: Some(Secret::new("a b")), ..code() }),
        ("check_interval", Arguments { check_interval: Some(0), ..code() }),
        ("check_interval", Arguments { check_interval: Some(3601), ..code() }),
        ("max_wait_time", Arguments { max_wait_time: Some(0), ..code() }),
        ("max_wait_time", Arguments { max_wait_time: Some(86_401), ..code() }),
        ("wait_for_completion", Arguments { auto_submit: Some(false), ..waiting() }),
    ] {
        let failure = run(arguments, []).result.err().unwrap();
        assert_eq!(failure.kind, FailureKind::InvalidArgument);
        assert!(failure.message.starts_with(name), "{failure}");
        assert_eq!(failure.operation, "DAG批处理工作流");
    }
}

#[test]
fn a_call_waits_as_long_as_it_may() {
    assert_eq!(ExecuteDagWorkflow::waits(&code()), Duration::ZERO);
    assert_eq!(ExecuteDagWorkflow::waits(&waiting()), Duration::from_secs(1800));
    let longer = Arguments { max_wait_time: Some(7200), ..waiting() };
    assert_eq!(ExecuteDagWorkflow::waits(&longer), Duration::from_secs(7200));
}

#[test]
fn statuses_are_named_as_by_the_old_server() {
    let names = FinalStatus::ALL.iter().map(|status| status.as_str().to_string());
    assert_eq!(
        names.collect::<Vec<_>>(),
        vec![
            "dag_created",
            "submitted",
            "completed",
            "failed",
            "timeout",
            "failed_at_dag_creation",
            "no_dag_generated",
            "failed_at_task_submission",
        ]
    );
}
