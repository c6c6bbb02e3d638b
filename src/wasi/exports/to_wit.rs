//! Results of the core, to WIT.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use serde_json::value::RawValue;

use super::{wit, wit_api, wit_auth};
use crate::error::{Failure, FailureKind};
use crate::tools::{Computation, Done, execute_code_to_dag, query_task_status, submit_batch_task};
use crate::wasi::bindings::exports::oge::tools::types;
use crate::{api, auth};

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
            kind: match self.kind {
                FailureKind::InvalidArgument => types::FailureKind::InvalidArgument,
                FailureKind::NotConfigured => types::FailureKind::NotConfigured,
                FailureKind::Unauthorized => types::FailureKind::Unauthorized,
                FailureKind::Forbidden => types::FailureKind::Forbidden,
                FailureKind::Api => types::FailureKind::Api,
                FailureKind::BadReply => types::FailureKind::BadReply,
                FailureKind::Timeout => types::FailureKind::Timeout,
                FailureKind::Network => types::FailureKind::Network,
                FailureKind::ReplyTooLarge => types::FailureKind::ReplyTooLarge,
                FailureKind::TokenStore => types::FailureKind::TokenStore,
            },
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
    type Wit = wit::Computation;

    fn to_wit(self) -> wit::Computation {
        wit::Computation {
            execution: execution(self.elapsed, self.attempts),
            data: self.output.data,
        }
    }
}

impl ToWit for Done<execute_code_to_dag::Output> {
    type Wit = wit::DagTasks;

    fn to_wit(self) -> wit::DagTasks {
        wit::DagTasks {
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
    type Wit = wit::BatchTask;

    fn to_wit(self) -> wit::BatchTask {
        let text = |field: submit_batch_task::Field| field.as_deref().map(submit_batch_task::text);
        wit::BatchTask {
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
    type Wit = wit::TaskStatus;

    fn to_wit(self) -> wit::TaskStatus {
        let output = self.output;
        wit::TaskStatus {
            execution: execution(self.elapsed, self.attempts),
            phase: match (output.is_completed, output.is_running, output.is_failed) {
                (true, ..) => wit::Phase::Completed,
                (_, true, _) => wit::Phase::Running,
                (.., true) => wit::Phase::Failed,
                _ => wit::Phase::Other,
            },
            dag_id: output.dag_id,
            status: output.status,
            raw_response: output.raw_response,
        }
    }
}

impl ToWit for api::Output {
    type Wit = wit_api::Reply;

    fn to_wit(self) -> wit_api::Reply {
        wit_api::Reply {
            body: self.body,
            content_type: self.content_type,
            seconds: self.elapsed.as_secs_f64(),
            attempts: self.attempts,
        }
    }
}

impl ToWit for auth::TokenInfo {
    type Wit = wit_auth::TokenInfo;

    fn to_wit(self) -> wit_auth::TokenInfo {
        wit_auth::TokenInfo {
            present: self.present,
            generation: self.generation,
            expires_at: self.expires_at,
            expired: self.expired,
            user_name: self.user_name,
        }
    }
}

fn execution(elapsed: Duration, attempts: u8) -> wit::Execution {
    wit::Execution { seconds: elapsed.as_secs_f64(), attempts }
}

fn json(raw: Box<RawValue>) -> String {
    Box::<str>::from(raw).into_string()
}
