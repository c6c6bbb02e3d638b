//! Calls that wait, as tasks: the client gets an id at once and polls it.
//!
//! Another tool becomes one with an arm in [`ToolCall::begin`], which makes the id, and one in
//! [`ToolCall::poll`], which goes on from it.

use std::time::Duration;

use oge_tools::error::{Failure, FailureKind};
use oge_tools::pauses::pause_at;
use oge_tools::tools::{QueryTaskStatus, Tool as _, query_task_status};
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, CreateTaskResult, DetailedTask, JsonObject, TaskPayload};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{RunTools, ToolCall, WAIT, waiting};
use crate::arguments;
use crate::task_id::{TaskId, TaskKey, unknown_task};

/// What a poll found.
enum Found {
    /// The task goes on. Has the message for the client.
    Working(String),
    /// The result of the call.
    Ended(CallToolResult),
}

impl<O: RunTools> ToolCall<O> {
    /// Returns the task that a call begins. `None` if it does not wait or its arguments are bad, and for a caller
    /// with its own token, which must not be in an id: these calls are answered as without tasks.
    pub(super) fn begin(&self, name: &str, given: &JsonObject) -> Option<CreateTaskResult> {
        let (wait, state) = match name {
            QueryTaskStatus::NAME => {
                let ignored = arguments::ignored::<QueryTaskStatus>(given);
                let given = arguments::checked::<QueryTaskStatus>(given.clone()).ok()?;
                let wait = given.get(WAIT)?.as_u64()?;
                let has_token = given.contains_key("auth_token");
                (!has_token).then(|| (wait, json!([given.get("dag_id"), ignored])))?
            }
            _ => return None,
        };
        let now = self.env.wall();
        let started = u64::try_from(now.as_millis()).ok()?;
        let id = TaskId { tool: name.to_owned(), started, wait, state };
        let pause = pause_at(Duration::ZERO, id.wait())?;
        let task = id.task(id.to_text(&self.key())?, now).with_poll_interval_ms(millis(pause));
        Some(CreateTaskResult::new(task))
    }

    /// Returns the state of a task: asks the platform once.
    pub(super) async fn poll(self, text: String) -> Result<DetailedTask, ErrorData> {
        let id = TaskId::read(&text, &self.key())?;
        let found = match &*id.tool {
            QueryTaskStatus::NAME => self.poll_status(&id).await?,
            _ => return Err(unknown_task()),
        };
        let now = self.env.wall();
        let mut task = id.task(text, now);
        let payload = match found {
            Found::Working(message) => {
                task.status_message = Some(message);
                let pause = pause_at(id.waited(now), id.wait());
                task.poll_interval_ms = Some(pause.map_or(1, millis));
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
        let arguments = query_task_status::Arguments { dag_id, auth_token: None };
        let mut result = self.run::<QueryTaskStatus>(arguments).await;
        let waited = id.waited(self.env.wall());
        if waited < id.wait() {
            match &result {
                Ok(done) if !done.output.phase.is_end() => {
                    return Ok(Found::Working(waiting(&done.output, waited)));
                }
                Err(failure) if is_transient(failure) => {
                    self.env.log_failure(QueryTaskStatus::OPERATION, failure);
                    return Ok(Found::Working(format!("{failure}; the next poll asks again")));
                }
                _ => {}
            }
        }
        if let Ok(done) = &mut result {
            done.elapsed = waited;
        }
        Ok(Found::Ended(self.end::<QueryTaskStatus>(result, &ignored).await))
    }
}

/// Returns whether the next poll may succeed although this one failed.
fn is_transient(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Timeout | FailureKind::Network)
        || failure.http_status.is_some_and(|status| status >= 500)
}

/// Returns whole milliseconds, at least 1.
fn millis(pause: Duration) -> u64 {
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_itself_is_asked_again() {
        let failure = |kind, http_status| Failure {
            http_status,
            ..Failure::new(kind, QueryTaskStatus::OPERATION, "why")
        };
        for (kind, status, expected) in [
            (FailureKind::Timeout, None, true),
            (FailureKind::Network, None, true),
            (FailureKind::Api, Some(502), true),
            (FailureKind::Api, Some(404), false),
            (FailureKind::Api, Some(200), false),
            (FailureKind::Unauthorized, Some(401), false),
            (FailureKind::NotConfigured, None, false),
            (FailureKind::InvalidArgument, None, false),
        ] {
            assert_eq!(is_transient(&failure(kind, status)), expected, "{kind:?} {status:?}");
        }
    }
}
