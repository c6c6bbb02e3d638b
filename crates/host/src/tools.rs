//! The export `tools`: the arguments and the result of each tool.

use oge_tools::tools::execute_dag_workflow::FinalStatus;
use oge_tools::tools::query_task_status::Phase;
use oge_tools::tools::{
    Completed, Computation, CoverageAspectAnalysis, ExecuteCodeToDag, ExecuteDagWorkflow,
    QueryTaskStatus, RunBigQuery, SubmitBatchTask, Tool, execute_code_to_dag, execute_dag_workflow,
    query_task_status, submit_batch_task,
};
use serde_json::value::RawValue;

use crate::bindings::exports::oge::tools::{tools as wit, types};
use crate::from_wit::{elapsed, failure};
use crate::guest::{ExportResult, Guest, interface};

/// A tool that the component exports.
pub trait GuestTool: Tool + sealed::CallExport<Self> {}

impl<T: Tool + sealed::CallExport<Self>> GuestTool for T {}

pub(crate) mod sealed {
    use super::{Completed, ExportResult, Guest, Tool};

    /// One export.
    pub trait CallExport<T: Tool> {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate can call it")]
        fn call(
            guest: &mut Guest,
            arguments: &T::Arguments,
        ) -> impl Future<Output = wasmtime::Result<ExportResult<Completed<T::Output>>>> + Send;
    }
}

/// Implements the call of one tool: the export's name, the type and conversion of its result, and its
/// arguments.
macro_rules! export {
    ($tool:ident, $name:literal, $result:ident, $read:path, |$arguments:ident| ($($argument:expr),*)) => {
        impl sealed::CallExport<$tool> for $tool {
            #[expect(private_interfaces, reason = "sealed: only this crate can call it")]
            async fn call(
                guest: &mut Guest,
                $arguments: &<$tool as Tool>::Arguments,
            ) -> wasmtime::Result<ExportResult<Completed<<$tool as Tool>::Output>>> {
                let parameters = ($($argument,)*);
                let answer: ExportResult<types::$result> =
                    guest.call(interface::TOOLS, $name, parameters).await?;
                match answer {
                    Ok(result) => Ok(Ok($read(result)?)),
                    Err(failure) => Ok(Err(failure)),
                }
            }
        }
    };
}

export!(
    CoverageAspectAnalysis,
    "coverage-aspect-analysis",
    Computation,
    computation,
    |arguments| (
        &*arguments.bbox,
        arguments.coverage_type.as_deref(),
        arguments.pretreatment,
        arguments.product_value.as_deref(),
        arguments.radius
    )
);
export!(RunBigQuery, "run-big-query", Computation, computation, |arguments| (
    arguments.query.as_deref(),
    arguments.geometry_column.as_deref()
));
export!(ExecuteCodeToDag, "execute-code-to-dag", DagTasks, dags, |arguments| (
    &*arguments.code,
    arguments.user_id.as_deref(),
    arguments.sample_name.as_deref(),
    arguments.auth_token.as_ref().map(|token| token.expose())
));
export!(SubmitBatchTask, "submit-batch-task", BatchTask, task, |arguments| (
    &*arguments.dag_id,
    arguments.task_name.as_deref(),
    arguments.filename.as_deref(),
    arguments.crs.as_deref(),
    arguments.scale.as_deref(),
    arguments.format.as_deref(),
    arguments.username.as_deref(),
    arguments.script.as_deref(),
    arguments.auth_token.as_ref().map(|token| token.expose())
));
export!(QueryTaskStatus, "query-task-status", TaskStatus, status, |arguments| (
    &*arguments.dag_id,
    arguments.auth_token.as_ref().map(|token| token.expose())
));

export!(ExecuteDagWorkflow, "execute-dag-workflow", Workflow, workflow, |arguments| (
    &*arguments.code,
    arguments.user_id.as_deref(),
    arguments.sample_name.as_deref(),
    arguments.task_name.as_deref(),
    arguments.filename.as_deref(),
    arguments.crs.as_deref(),
    arguments.scale.as_deref(),
    arguments.format.as_deref(),
    arguments.username.as_deref(),
    arguments.auth_token.as_ref().map(|token| token.expose()),
    arguments.auto_submit,
    arguments.wait_for_completion,
    arguments.check_interval,
    arguments.max_wait_time
));

/// A result that violates the component's contract.
#[derive(Debug, thiserror::Error)]
#[error("the component answered what its contract excludes: {0}")]
pub(crate) struct Broken(&'static str);

pub(crate) fn computation(wit: wit::Computation) -> Result<Completed<Computation>, Broken> {
    Ok(done(wit.execution, Computation { data: wit.data }))
}

pub(crate) fn dags(wit: wit::DagTasks) -> Result<Completed<execute_code_to_dag::Output>, Broken> {
    let present = |text| Ok(Some(json(text)?).filter(|json| json.get() != "null"));
    let output = execute_code_to_dag::Output {
        dags: json(wit.dags)?,
        dag_ids: wit.dag_ids,
        space_params: present(wit.space_params)?,
        log: present(wit.log)?,
        user_id: wit.user_id,
        sample_name: wit.sample_name,
    };
    Ok(done(wit.execution, output))
}

pub(crate) fn task(wit: wit::BatchTask) -> Result<Completed<submit_batch_task::Output>, Broken> {
    let output = submit_batch_task::Output::read(&wit.api_response)
        .ok_or(Broken("api-response without a record"))?;
    Ok(done(wit.execution, output))
}

pub(crate) fn status(wit: wit::TaskStatus) -> Result<Completed<query_task_status::Output>, Broken> {
    let output = query_task_status::Output {
        phase: match wit.phase {
            types::Phase::Running => Phase::Running,
            types::Phase::Completed => Phase::Completed,
            types::Phase::Failed => Phase::Failed,
            types::Phase::Other => Phase::Other,
        },
        dag_id: wit.dag_id,
        status: wit.status,
        raw_response: wit.raw_response,
    };
    Ok(done(wit.execution, output))
}

pub(crate) fn workflow(
    wit: wit::Workflow,
) -> Result<Completed<execute_dag_workflow::Output>, Broken> {
    let final_status = final_status(wit.final_status);
    if final_status.is_success() != wit.failure.is_none() {
        return Err(Broken("a workflow with a failure that its final-status excludes"));
    }
    let output = execute_dag_workflow::Output {
        final_status,
        dag_tasks: wit.dag_tasks.map(dags).transpose()?,
        task: wit.task.map(task).transpose()?,
        status: wit.status.map(status).transpose()?,
        failure: wit.failure.map(|why| failure(why, ExecuteDagWorkflow::OPERATION)),
        elapsed: elapsed(wit.execution.seconds),
    };
    Ok(done(wit.execution, output))
}

macro_rules! final_status {
    ($($status:ident = $name:literal,)*) => {
        fn final_status(status: types::FinalStatus) -> FinalStatus {
            match status {
                $(types::FinalStatus::$status => FinalStatus::$status,)*
            }
        }
    };
}

oge_tools::for_each_final_status!(final_status);

fn done<T>(execution: types::Execution, output: T) -> Completed<T> {
    Completed { output, attempts: execution.attempts, elapsed: elapsed(execution.seconds) }
}

fn json(text: String) -> Result<Box<RawValue>, Broken> {
    RawValue::from_string(text).map_err(|_| Broken("text that is not JSON"))
}
