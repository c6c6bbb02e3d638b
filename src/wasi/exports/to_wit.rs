//! Results of the core, to WIT.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use serde_json::value::RawValue;

use crate::error::{Failure, FailureKind};
use crate::tools::query_task_status::Phase;
use crate::tools::{Computation, Done, execute_code_to_dag, query_task_status, submit_batch_task};
use crate::wasi::bindings::types;

/// Turns a value of the core into the WIT's.
pub(super) trait ToWit {
    /// The WIT's type.
    type Wit;
    /// Converts.
    fn to_wit(self) -> Self::Wit;
}

impl<T: ToWit> ToWit for Result<T, Failure> {
    type Wit = Result<T::Wit, types::Failure>;

    fn to_wit(self) -> Self::Wit {
        self.map(T::to_wit).map_err(Failure::to_wit)
    }
}

impl ToWit for Failure {
    type Wit = types::Failure;

    fn to_wit(self) -> types::Failure {
        types::Failure {
            kind: kind(self.kind),
            message: self.message,
            operation: self.operation.to_owned(),
            attempts: self.attempts,
            http_status: self.http_status,
            api_code: self.api_code,
            body: self.body,
        }
    }
}

impl ToWit for Done<Computation> {
    type Wit = types::Computation;

    fn to_wit(self) -> types::Computation {
        types::Computation {
            execution: execution(self.elapsed, self.attempts),
            data: self.output.data,
        }
    }
}

impl ToWit for Done<execute_code_to_dag::Output> {
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

impl ToWit for Done<submit_batch_task::Output> {
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

impl ToWit for Done<query_task_status::Output> {
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

macro_rules! kind {
    ($($kind:ident = $name:literal,)*) => {
        fn kind(kind: FailureKind) -> types::FailureKind {
            match kind {
                $(FailureKind::$kind => types::FailureKind::$kind,)*
            }
        }
    };
}

crate::for_each_failure_kind!(kind);

fn execution(elapsed: Duration, attempts: u8) -> types::Execution {
    types::Execution { seconds: elapsed.as_secs_f64(), attempts }
}

fn json(raw: Box<RawValue>) -> String {
    Box::<str>::from(raw).into_string()
}
