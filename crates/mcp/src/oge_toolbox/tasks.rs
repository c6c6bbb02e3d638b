//! Calls that wait, as tasks: the client gets an id at once and polls it.
//!
//! Another tool becomes one with an arm in [`ToolCall::begin`], which makes the id, and one in
//! [`ToolCall::poll`], which goes on from it.

use std::time::Duration;

use oge_tools::error::Failure;
use oge_tools::pauses::{may_pass, pause_at};
use oge_tools::tools::execute_dag_workflow::{
    self, CHECK_INTERVAL_SECONDS, MAX_WAIT_TIME_SECONDS, Submitted,
};
use oge_tools::tools::{
    Completed, ExecuteDagWorkflow, QueryTaskStatus, Tool as _, query_task_status,
};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, CallToolResult, CreateTaskResult, DetailedTask, JsonObject, TaskPayload,
};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{RunTools, ToolCall, WAIT};
use crate::arguments;
use crate::task_id::{TaskId, TaskKey, unknown_task};

/// What a poll found.
enum Found {
    /// The task goes on. Has the message for the client, and the time until the next poll.
    Working(String, Duration),
    /// The result of the call.
    Ended(CallToolResult),
}

impl<O: RunTools> ToolCall<O> {
    /// Returns the task that a call begins, or its result if it ends first. `None` if it does not wait or its
    /// arguments are bad, and for a caller with its own token, which must not be in an id: these calls are answered
    /// as without tasks.
    pub(super) async fn begin(&self, name: &str, given: &JsonObject) -> Option<CallToolResponse> {
        match name {
            QueryTaskStatus::NAME => {
                let ignored = arguments::ignored::<QueryTaskStatus>(given);
                let given = arguments::checked::<QueryTaskStatus>(given.clone()).ok()?;
                let wait = given.get(WAIT)?.as_u64()?;
                if given.contains_key("auth_token") {
                    return None;
                }
                let pause = pause_at(Duration::ZERO, Duration::from_secs(wait))?;
                let state = json!([given.get("dag_id"), ignored]);
                self.created(name, wait, state, pause).map(Into::into)
            }
            ExecuteDagWorkflow::NAME => self.begin_workflow(given).await,
            _ => None,
        }
    }

    /// Makes and submits the DAG task, because the id of the task has its id.
    async fn begin_workflow(&self, given: &JsonObject) -> Option<CallToolResponse> {
        let ignored = arguments::ignored::<ExecuteDagWorkflow>(given);
        let arguments = arguments::read::<ExecuteDagWorkflow>(given.clone()).ok()?;
        let waits = arguments.wait_for_completion == Some(true) && arguments.auth_token.is_none();
        if !waits || arguments.auto_submit == Some(false) {
            return None;
        }
        let interval = arguments.check_interval.unwrap_or(CHECK_INTERVAL_SECONDS);
        let wait = arguments.max_wait_time.unwrap_or(MAX_WAIT_TIME_SECONDS).into();
        let at_once = execute_dag_workflow::Arguments { wait_for_completion: None, ..arguments };
        let done = self.run::<ExecuteDagWorkflow>(at_once).await;
        let submitted = done.as_ref().ok().and_then(|done| done.output.submitted());
        if let Some(submitted) = submitted {
            let state = json!([submitted, interval, ignored]);
            let pause = Duration::from_secs(u64::from(interval).min(wait));
            if let Some(task) = self.created(ExecuteDagWorkflow::NAME, wait, state, pause) {
                return Some(task.into());
            }
        }
        // It failed, or its id would be too long. Then the result says how to wait.
        Some(self.end::<ExecuteDagWorkflow>(done, &ignored).await.into())
    }

    fn created(
        &self,
        tool: &str,
        wait: u64,
        state: Value,
        pause: Duration,
    ) -> Option<CreateTaskResult> {
        let now = self.env.wall();
        let started = u64::try_from(now.as_millis()).ok()?;
        let id = TaskId { tool: tool.to_owned(), started, wait, state };
        let task = id.task(id.to_text(&self.key())?, now).with_poll_interval_ms(millis(pause));
        Some(CreateTaskResult::new(task))
    }

    /// Returns the state of a task: asks the platform once.
    pub(super) async fn poll(self, text: String) -> Result<DetailedTask, ErrorData> {
        let id = TaskId::read(&text, &self.key())?;
        let found = match &*id.tool {
            QueryTaskStatus::NAME => self.poll_status(&id).await?,
            ExecuteDagWorkflow::NAME => self.poll_workflow(&id).await?,
            _ => return Err(unknown_task()),
        };
        let now = self.env.wall();
        let mut task = id.task(text, now);
        let payload = match found {
            Found::Working(message, pause) => {
                task.status_message = Some(message);
                task.poll_interval_ms = Some(millis(pause));
                TaskPayload::Working
            }
            Found::Ended(result) => match serde_json::to_value(result) {
                Ok(Value::Object(result)) => TaskPayload::Completed { result },
                _ => return Err(ErrorData::internal_error("the result cannot be written", None)),
            },
        };
        Ok(DetailedTask::new(task, payload))
    }

    /// Checks the id of a task.
    pub(super) fn check_task(&self, text: &str) -> Result<(), ErrorData> {
        TaskId::read(text, &self.key()).map(drop)
    }

    fn key(&self) -> TaskKey {
        TaskKey::read(|key| self.env.setting(key))
    }

    async fn poll_status(&self, id: &TaskId) -> Result<Found, ErrorData> {
        let state = <(String, Vec<String>)>::deserialize(&id.state);
        let (dag_id, ignored) = state.map_err(|_| unknown_task())?;
        let mut result = self.query(dag_id).await;
        let waited = id.waited(self.env.wall());
        if let Some(message) = self.goes_on(&result, waited, id.wait()) {
            let pause = pause_at(waited, id.wait()).unwrap_or_default();
            return Ok(Found::Working(message, pause));
        }
        if let Ok(done) = &mut result {
            done.elapsed = waited;
        }
        Ok(Found::Ended(self.end::<QueryTaskStatus>(result, &ignored).await))
    }

    async fn poll_workflow(&self, id: &TaskId) -> Result<Found, ErrorData> {
        let state = <(Submitted, u32, Vec<String>)>::deserialize(&id.state);
        let (submitted, interval, ignored) = state.map_err(|_| unknown_task())?;
        let dag_id = submitted.dag_id().ok_or_else(unknown_task)?.to_owned();
        let result = self.query(dag_id).await;
        let waited = id.waited(self.env.wall());
        if let Some(message) = self.goes_on(&result, waited, id.wait()) {
            let pause = Duration::from_secs(interval.into()).min(id.wait().saturating_sub(waited));
            return Ok(Found::Working(message, pause));
        }
        let done = submitted.end(result, waited, id.wait());
        Ok(Found::Ended(self.end::<ExecuteDagWorkflow>(Ok(done), &ignored).await))
    }

    async fn query(&self, dag_id: String) -> Result<Completed<query_task_status::Output>, Failure> {
        let arguments = query_task_status::Arguments { dag_id, auth_token: None };
        self.run::<QueryTaskStatus>(arguments).await
    }

    /// Returns the message for a client whose wait goes on after this query. `None` if it ends.
    fn goes_on(
        &self,
        result: &Result<Completed<query_task_status::Output>, Failure>,
        waited: Duration,
        wait: Duration,
    ) -> Option<String> {
        if waited >= wait {
            return None;
        }
        match result {
            Ok(done) if !done.output.phase.is_end() => Some(self.waiting(&done.output, waited)),
            Err(failure) if may_pass(failure, false) => {
                Some(format!("{failure}; the next poll asks again"))
            }
            _ => None,
        }
    }
}

/// Returns whole milliseconds, at least 1.
fn millis(pause: Duration) -> u64 {
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX).max(1)
}
