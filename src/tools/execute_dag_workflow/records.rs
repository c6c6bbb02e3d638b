//! The records of the steps in a workflow's result.

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use super::{FinalStatus, Output};
use crate::envelope::Envelope;
use crate::error::Failure;
use crate::tools::{Completed, ExecuteCodeToDag, QueryTaskStatus, SubmitBatchTask, Tool};

pub(super) const CREATION: &str = "代码转DAG";
const SUBMISSION: &str = "提交批处理任务";
pub(super) const WAITING: &str = "等待任务完成";

/// Serializes the records of the steps that were begun: `step`, `name`, `success`, and the envelope of its tool.
pub(super) struct Steps<'a>(pub(super) &'a Output);

#[derive(Serialize)]
struct Step<'a, T> {
    step: u8,
    name: &'a str,
    success: bool,
    result: Envelope<&'a T>,
}

impl Serialize for Steps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Output { final_status, dag_tasks, task, status, failure, .. } = self.0;
        let mut steps = serializer.serialize_seq(None)?;
        if let Some(result) = result::<ExecuteCodeToDag>(dag_tasks.as_ref(), failure.as_ref()) {
            let success = dag_tasks.is_some() && *final_status != FinalStatus::NoDagGenerated;
            steps.serialize_element(&Step { step: 1, name: CREATION, success, result })?;
        }
        let failed =
            failure.as_ref().filter(|_| *final_status == FinalStatus::FailedAtTaskSubmission);
        if let Some(result) = result::<SubmitBatchTask>(task.as_ref(), failed) {
            let success = task.is_some();
            steps.serialize_element(&Step { step: 2, name: SUBMISSION, success, result })?;
        }
        let failed = failure.as_ref().filter(|_| *final_status == FinalStatus::Timeout);
        if let Some(result) = result::<QueryTaskStatus>(status.as_ref(), failed) {
            let success = *final_status == FinalStatus::Completed;
            steps.serialize_element(&Step { step: 3, name: WAITING, success, result })?;
        }
        steps.end()
    }
}

/// Returns the envelope of a step: its result, else its failure. `None` if the step was not begun.
fn result<'a, T: Tool>(
    done: Option<&'a Completed<T::Output>>,
    failure: Option<&Failure>,
) -> Option<Envelope<&'a T::Output>> {
    match (done, failure) {
        (Some(done), _) => Some(Envelope::of_step::<T>(done)),
        (None, failure) => failure.map(Envelope::failed::<T>),
    }
}
