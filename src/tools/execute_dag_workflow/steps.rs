//! Carries out the steps of a workflow.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use super::records::{CREATION, WAITING};
use super::{ExecuteDagWorkflow, FinalStatus, Output, Wait};
use crate::client::{Client, Clock, Transport};
use crate::error::{Failure, FailureKind};
use crate::log::Event;
use crate::pauses::{Pauses, may_pass, watch};
use crate::secret::{Redactor, Secret};
use crate::token::TokenStore;
use crate::tools::query_task_status::Phase;
use crate::tools::{
    Completed, ExecuteCodeToDag, Prepared, QueryTaskStatus, Run, SubmitBatchTask, Tool,
    query_task_status, submit_batch_task,
};

/// After how many failed queries in a row a wait ends. One that fails says nothing about the task.
const MAX_FAILED_QUERIES: u32 = 5;

/// Runs the steps. Before each, `output.final_status` becomes the status of its failure.
pub(super) async fn run<S: Transport, T: TokenStore, C: Clock, O: Fn(&str, Event<'_>)>(
    client: &Client<S, T, C, O>,
    prepared: Prepared<ExecuteDagWorkflow>,
    output: &mut Output,
) -> Result<(), Failure> {
    let Prepared { tool, request, authorization } = prepared;
    let ExecuteDagWorkflow { create, submission, wait, auth_token } = tool;
    let own = auth_token.as_ref();

    let creation = Prepared { tool: create, request, authorization };
    let dag_tasks = ExecuteCodeToDag::run(client, creation).await?;
    let dag_ids = &dag_tasks.output.dag_ids;
    let (dag_id, count) = (dag_ids.first().cloned(), dag_ids.len());
    let attempts = dag_tasks.attempts;
    output.dag_tasks = Some(dag_tasks);
    let Some(dag_id) = dag_id else {
        output.final_status = FinalStatus::NoDagGenerated;
        let why = "the code made no DAG task; it must export a result, for example with export()";
        return Err(failure(FailureKind::Api, attempts, why.to_owned()));
    };
    let created = format!("第1步 {CREATION}完成，生成了{count}个DAG任务，dag_id: {dag_id}");
    tell(client, own, Event::Info(&created)).await;

    let Some(submission) = submission else {
        output.final_status = FinalStatus::DagCreated;
        return Ok(());
    };
    output.final_status = FinalStatus::FailedAtTaskSubmission;
    let submission = submit_batch_task::Arguments { dag_id: dag_id.clone(), ..submission };
    let task = client.try_run::<SubmitBatchTask>(submission).await?;
    let state = SubmitBatchTask::message(&task.output);
    tell(client, own, Event::Info(&format!("第2步 {state}，dag_id: {dag_id}"))).await;
    output.task = Some(task);

    let Some(wait) = wait else {
        output.final_status = FinalStatus::Submitted;
        return Ok(());
    };
    output.final_status = FinalStatus::Timeout;
    let question = query_task_status::Arguments { dag_id, auth_token };
    wait_for_end(client, question, wait, output).await
}

/// Queries the task's state until it ends. A failed query does not end the wait if a later one may succeed, but
/// [`MAX_FAILED_QUERIES`] in a row do.
async fn wait_for_end<S: Transport, T: TokenStore, C: Clock, O: Fn(&str, Event<'_>)>(
    client: &Client<S, T, C, O>,
    question: query_task_status::Arguments,
    wait: Wait,
    output: &mut Output,
) -> Result<(), Failure> {
    let dag_id = &question.dag_id;
    let own = question.auth_token.as_ref();
    let last = RefCell::new(None);
    let failed = Cell::new(0);
    let query = async || match client.try_run::<QueryTaskStatus>(question.clone()).await {
        Ok(done) => {
            failed.set(0);
            last.replace(Some(done.clone()));
            Ok(done)
        }
        Err(failure) => {
            failed.set(failed.get() + 1);
            let may_pass = may_pass(&failure, own.is_some());
            if failed.get() == MAX_FAILED_QUERIES || !may_pass {
                return Err(failure);
            }
            let message = &failure.message;
            let event = format!("查询任务状态失败，继续等待 (dag_id: {dag_id}): {message}");
            tell(client, own, Event::Warning(&event)).await;
            Ok(last.borrow().clone().unwrap_or_else(|| not_known(dag_id.clone())))
        }
    };
    let pause = async |pause, status: &query_task_status::Output, waited: Duration| {
        let (status, waited) = (&status.status, waited.as_secs());
        let event =
            format!("第3步 {WAITING}，任务状态: {status} (dag_id: {dag_id}, 已等待 {waited}s)");
        tell(client, own, Event::Waiting(&event)).await;
        client.clock.sleep(pause).await;
    };
    let pauses = Pauses::every(wait.interval, wait.time);
    let watched = watch(pauses, || client.clock.monotonic(), query, pause).await;
    output.status = last.into_inner();
    let done = watched.map_err(|failure| {
        let why = &failure.message;
        let message = match failed.get() {
            1 => format!("the state of the task could not be queried: {why}"),
            count => {
                format!("the state of the task could not be queried {count} times in a row: {why}")
            }
        };
        Failure { message, ..failure }
    })?;
    if let Some(status) = &mut output.status {
        status.elapsed = done.elapsed;
    }
    let state = redactor(client, own).await.excerpt(&done.output.status);
    output.end(done.output.phase, &state, done.attempts, wait.time, failed.get())
}

/// Reports an event. Hides secrets in its text, because ids and states are the platform's.
async fn tell<S, T: TokenStore, C, O: Fn(&str, Event<'_>)>(
    client: &Client<S, T, C, O>,
    own: Option<&Secret>,
    event: Event<'_>,
) {
    let (redactor, mut text) = (redactor(client, own).await, String::new());
    (client.observe)(ExecuteDagWorkflow::OPERATION, event.redacted(|| redactor, &mut text));
}

/// Hides the secrets that the process knows, the caller's own token, and the store's.
async fn redactor<S, T: TokenStore, C, O>(
    client: &Client<S, T, C, O>,
    own: Option<&Secret>,
) -> Redactor {
    let stored = client.token_store.peek().await.map(|token| token.authorization);
    let tokens = own.into_iter().chain(&stored);
    tokens.fold(client.redactor.clone(), Redactor::hide_authorization)
}

impl Output {
    /// Sets the final status of a workflow whose wait of `time` is over with this state of the task.
    pub(super) fn end(
        &mut self,
        phase: Phase,
        state: &str,
        attempts: u8,
        time: Duration,
        failed_queries: u32,
    ) -> Result<(), Failure> {
        let (final_status, result) = match phase {
            Phase::Completed => (FinalStatus::Completed, Ok(())),
            Phase::Failed => {
                let why = format!("the platform ended the task in the state {state}");
                (FinalStatus::Failed, Err(failure(FailureKind::Api, attempts, why)))
            }
            Phase::Running | Phase::Other => {
                let time = time.as_secs();
                let queries = match failed_queries {
                    0 => String::new(),
                    count => format!(" (failed queries since then: {count})"),
                };
                let why = format!(
                    "the task has not ended within {time} s; its last known state is {state}{queries}"
                );
                (FinalStatus::Timeout, Err(failure(FailureKind::Timeout, attempts, why)))
            }
        };
        self.final_status = final_status;
        result
    }
}

/// Returns the state of a task that no query has returned yet.
fn not_known(dag_id: String) -> Completed<query_task_status::Output> {
    let output = query_task_status::Output::read(dag_id, String::new());
    Completed { output, attempts: 0, elapsed: Duration::ZERO }
}

fn failure(kind: FailureKind, attempts: u8, why: String) -> Failure {
    Failure { attempts, ..Failure::new(kind, ExecuteDagWorkflow::OPERATION, why) }
}
