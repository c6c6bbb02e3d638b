//! The export `tools`: the arguments and the result of each tool.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::value::RawValue;

use super::to_wit::ToWit;
use super::{client, read_settings};
use crate::error::Failure;
use crate::secret::Secret;
use crate::tools::execute_dag_workflow::FinalStatus;
use crate::tools::query_task_status::Phase;
use crate::tools::{
    Completed, Computation, CoverageAspectAnalysis, ExecuteCodeToDag, ExecuteDagWorkflow,
    QueryTaskStatus, Run, RunBigQuery, SubmitBatchTask, coverage_aspect_analysis,
    execute_code_to_dag, execute_dag_workflow, query_task_status, run_big_query, submit_batch_task,
};
use crate::wasi::bindings::{Component, tools as wit, types};
use crate::wasi::wait::block_on;

fn run<T: Run>(arguments: T::Arguments) -> Result<Completed<T::Output>, Failure> {
    block_on(client(read_settings(T::OPERATION)?).run::<T>(arguments))
}

impl wit::Guest for Component {
    fn coverage_aspect_analysis(
        bbox: Vec<f64>,
        coverage_type: Option<String>,
        pretreatment: Option<bool>,
        product_value: Option<String>,
        radius: Option<u32>,
    ) -> Result<wit::Computation, wit::Failure> {
        run::<CoverageAspectAnalysis>(coverage_aspect_analysis::Arguments {
            bbox,
            coverage_type,
            pretreatment,
            product_value,
            radius,
        })
        .to_wit()
    }

    fn run_big_query(
        query: Option<String>,
        geometry_column: Option<String>,
    ) -> Result<wit::Computation, wit::Failure> {
        run::<RunBigQuery>(run_big_query::Arguments { query, geometry_column }).to_wit()
    }

    fn execute_code_to_dag(
        code: String,
        user_id: Option<String>,
        sample_name: Option<String>,
        auth_token: Option<String>,
    ) -> Result<wit::DagTasks, wit::Failure> {
        run::<ExecuteCodeToDag>(execute_code_to_dag::Arguments {
            code,
            user_id,
            sample_name,
            auth_token: auth_token.map(Secret::new),
        })
        .to_wit()
    }

    fn submit_batch_task(
        dag_id: String,
        task_name: Option<String>,
        filename: Option<String>,
        crs: Option<String>,
        scale: Option<String>,
        format: Option<String>,
        username: Option<String>,
        script: Option<String>,
        auth_token: Option<String>,
    ) -> Result<wit::BatchTask, wit::Failure> {
        run::<SubmitBatchTask>(submit_batch_task::Arguments {
            dag_id,
            task_name,
            filename,
            crs,
            scale,
            format,
            username,
            script,
            auth_token: auth_token.map(Secret::new),
        })
        .to_wit()
    }

    fn query_task_status(
        dag_id: String,
        auth_token: Option<String>,
    ) -> Result<wit::TaskStatus, wit::Failure> {
        run::<QueryTaskStatus>(query_task_status::Arguments {
            dag_id,
            auth_token: auth_token.map(Secret::new),
        })
        .to_wit()
    }

    fn execute_dag_workflow(
        code: String,
        user_id: Option<String>,
        sample_name: Option<String>,
        task_name: Option<String>,
        filename: Option<String>,
        crs: Option<String>,
        scale: Option<String>,
        format: Option<String>,
        username: Option<String>,
        auth_token: Option<String>,
        auto_submit: Option<bool>,
        wait_for_completion: Option<bool>,
        check_interval: Option<u32>,
        max_wait_time: Option<u32>,
    ) -> Result<wit::Workflow, wit::Failure> {
        run::<ExecuteDagWorkflow>(execute_dag_workflow::Arguments {
            code,
            user_id,
            sample_name,
            task_name,
            filename,
            crs,
            scale,
            format,
            username,
            auth_token: auth_token.map(Secret::new),
            auto_submit,
            wait_for_completion,
            check_interval,
            max_wait_time,
        })
        .to_wit()
    }
}

impl ToWit for Completed<Computation> {
    type Wit = types::Computation;

    fn to_wit(self) -> types::Computation {
        types::Computation {
            execution: execution(self.elapsed, self.attempts),
            data: self.output.data,
        }
    }
}

impl ToWit for Completed<execute_code_to_dag::Output> {
    type Wit = types::DagTasks;

    fn to_wit(self) -> types::DagTasks {
        types::DagTasks {
            execution: execution(self.elapsed, self.attempts),
            dags: json(self.output.dags),
            dag_ids: self.output.dag_ids,
            space_params: self.output.space_params.map_or_else(|| "null".to_owned(), json),
            log: self.output.log.map_or_else(|| "null".to_owned(), json),
            user_id: self.output.user_id,
            sample_name: self.output.sample_name,
        }
    }
}

impl ToWit for Completed<submit_batch_task::Output> {
    type Wit = types::BatchTask;

    fn to_wit(self) -> types::BatchTask {
        let text = |field: submit_batch_task::Field| field.as_deref().map(submit_batch_task::text);
        types::BatchTask {
            execution: execution(self.elapsed, self.attempts),
            batch_session_id: text(self.output.batch_session_id),
            task_id: text(self.output.task_id),
            dag_id: text(self.output.dag_id),
            task_name: text(self.output.task_name),
            state: text(self.output.state),
            filename: text(self.output.filename),
            format: text(self.output.format),
            scale: text(self.output.scale),
            crs: text(self.output.crs),
            user_id: text(self.output.user_id),
            username: text(self.output.username),
            folder: text(self.output.folder),
            api_response: self.output.api_response,
        }
    }
}

impl ToWit for Completed<query_task_status::Output> {
    type Wit = types::TaskStatus;

    fn to_wit(self) -> types::TaskStatus {
        let output = self.output;
        types::TaskStatus {
            execution: execution(self.elapsed, self.attempts),
            phase: match output.phase {
                Phase::Running => types::Phase::Running,
                Phase::Completed => types::Phase::Completed,
                Phase::Failed => types::Phase::Failed,
                Phase::Other => types::Phase::Other,
            },
            dag_id: output.dag_id,
            status: output.status,
            raw_response: output.raw_response,
        }
    }
}

impl ToWit for Completed<execute_dag_workflow::Output> {
    type Wit = types::Workflow;

    fn to_wit(self) -> types::Workflow {
        let next_step = self.output.next_step();
        types::Workflow {
            execution: execution(self.elapsed, self.attempts),
            final_status: final_status(self.output.final_status),
            dag_tasks: self.output.dag_tasks.map(ToWit::to_wit),
            task: self.output.task.map(ToWit::to_wit),
            status: self.output.status.map(ToWit::to_wit),
            failure: self.output.failure.map(ToWit::to_wit),
            next_step,
        }
    }
}

macro_rules! final_status {
    ($($status:ident = $name:literal,)*) => {
        fn final_status(status: FinalStatus) -> types::FinalStatus {
            match status {
                $(FinalStatus::$status => types::FinalStatus::$status,)*
            }
        }
    };
}

crate::for_each_final_status!(final_status);

fn execution(elapsed: Duration, attempts: u8) -> types::Execution {
    types::Execution { seconds: elapsed.as_secs_f64(), attempts }
}

fn json(raw: Box<RawValue>) -> String {
    Box::<str>::from(raw).into_string()
}
