//! Results of the component, from WIT to the core's own types.

use std::time::Duration;

use oge_tools::error::{Failure, FailureKind};
use oge_tools::tools::query_task_status::Phase;
use oge_tools::tools::{
    Computation, Done, execute_code_to_dag, query_task_status, submit_batch_task,
};
use oge_tools::{api, auth};
use serde_json::value::RawValue;

use crate::bindings::exports::oge::tools::{api as wit_api, auth as wit_auth, tools as wit, types};

/// The failure of an operation.
pub(crate) fn failure(failure: types::Failure, operation: &'static str) -> Failure {
    Failure {
        kind: kind(failure.kind),
        message: failure.message,
        operation,
        attempts: failure.attempts,
        http_status: failure.http_status,
        api_code: failure.api_code,
        body: failure.body,
    }
}

macro_rules! kind {
    ($($kind:ident = $name:literal,)*) => {
        fn kind(kind: types::FailureKind) -> FailureKind {
            match kind {
                $(types::FailureKind::$kind => FailureKind::$kind,)*
            }
        }
    };
}

oge_tools::for_each_failure_kind!(kind);

/// What cannot come from the component as it is built: JSON text that is not JSON.
#[derive(Debug, thiserror::Error)]
#[error("the component answered what its contract excludes: {0}")]
pub(crate) struct Broken(&'static str);

pub(crate) fn computation(wit: wit::Computation) -> Result<Done<Computation>, Broken> {
    Ok(done(wit.execution, Computation { data: wit.data }))
}

pub(crate) fn dags(wit: wit::DagTasks) -> Result<Done<execute_code_to_dag::Output>, Broken> {
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

pub(crate) fn task(wit: wit::BatchTask) -> Result<Done<submit_batch_task::Output>, Broken> {
    let output = submit_batch_task::Output::read(&wit.api_response)
        .ok_or(Broken("api-response without a record"))?;
    Ok(done(wit.execution, output))
}

pub(crate) fn status(wit: wit::TaskStatus) -> Result<Done<query_task_status::Output>, Broken> {
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

pub(crate) fn response(wit: wit_api::Response) -> api::Output {
    api::Output {
        body: wit.body,
        content_type: wit.content_type,
        elapsed: elapsed(wit.seconds),
        attempts: wit.attempts,
    }
}

pub(crate) fn token_info(wit: wit_auth::TokenInfo) -> auth::TokenInfo {
    auth::TokenInfo {
        present: wit.present,
        generation: wit.generation,
        expires_at: wit.expires_at,
        expired: wit.expired,
        user_name: wit.user_name,
    }
}

fn done<T>(execution: types::Execution, output: T) -> Done<T> {
    Done { output, attempts: execution.attempts, elapsed: elapsed(execution.seconds) }
}

fn elapsed(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn json(text: String) -> Result<Box<RawValue>, Broken> {
    RawValue::from_string(text).map_err(|_| Broken("text that is not JSON"))
}
