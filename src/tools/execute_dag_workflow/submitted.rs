//! A workflow whose task is submitted, for a later call that waits for its end.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{ExecuteDagWorkflow, FinalStatus, Output};
use crate::error::Failure;
use crate::tools::{
    Completed, Tool as _, execute_code_to_dag, query_task_status, submit_batch_task,
};

/// What a later call needs of a workflow to wait for its end and give its result. It has no secret. It is short: in
/// place of the platform's description of the DAG and its whole answer to the submission, that result has `null`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Submitted {
    dag_ids: Vec<String>,
    user_id: String,
    sample_name: String,
    task: submit_batch_task::Output,
}

impl Submitted {
    /// Returns the id of the DAG task that is submitted.
    #[must_use]
    pub fn dag_id(&self) -> Option<&str> {
        self.dag_ids.first().map(String::as_str)
    }

    /// Returns the result of the workflow after `waited` of `time`, with the last query of the task's state.
    #[must_use]
    pub fn end(
        self,
        query: Result<Completed<query_task_status::Output>, Failure>,
        waited: Duration,
        time: Duration,
    ) -> Completed<Output> {
        let (attempts, elapsed) = (1, Duration::ZERO);
        let created = execute_code_to_dag::Output {
            dags: RawValue::NULL.to_owned(),
            dag_ids: self.dag_ids,
            space_params: None,
            log: None,
            user_id: self.user_id,
            sample_name: self.sample_name,
        };
        let mut output = Output {
            final_status: FinalStatus::Timeout,
            dag_tasks: Some(Completed { output: created, attempts, elapsed }),
            task: Some(Completed { output: self.task, attempts, elapsed }),
            status: None,
            failure: None,
            elapsed: waited,
        };
        let ended = query.and_then(|mut done| {
            let (phase, state) = (done.output.phase, done.output.status.clone());
            let attempts = done.attempts;
            done.elapsed = waited;
            output.status = Some(done);
            output.end(phase, &state, attempts, time, 0)
        });
        if let Err(failure) = ended {
            output.failure = Some(Failure { operation: ExecuteDagWorkflow::OPERATION, ..failure });
        }
        Completed { attempts: output.attempts(), elapsed: waited, output }
    }
}

impl Output {
    /// Returns what a later call needs to wait for the end of the task. `None` unless it is submitted and not waited
    /// for.
    #[must_use]
    pub fn submitted(&self) -> Option<Submitted> {
        if self.final_status != FinalStatus::Submitted {
            return None;
        }
        let created = &self.dag_tasks.as_ref()?.output;
        Some(Submitted {
            dag_ids: created.dag_ids.clone(),
            user_id: created.user_id.clone(),
            sample_name: created.sample_name.clone(),
            task: submit_batch_task::Output {
                api_response: "null".to_owned(),
                ..self.task.as_ref()?.output.clone()
            },
        })
    }
}
