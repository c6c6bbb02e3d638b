//! A guest that misbehaves on request. `query-task-status` takes the action as its `dag-id`, and
//! `execute-code-to-dag` takes as its `code` the number of megabytes to return. The actions `bare` and
//! `dutiful` behave well, for benchmarks.

#![no_std]
#![cfg(target_family = "wasm")]

extern crate alloc;

mod bare;
mod dutiful;
mod mischief;
mod settings;

use oge_guest_rt as _;

/// The bindings of the tools' world.
#[expect(unsafe_code, reason = "generated; lifting and lowering the canonical ABI")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "oge-tools",
        with: {
            "wasi:cli/environment@0.2.4": wasip2::cli::environment,
            "wasi:cli/stderr@0.2.4": wasip2::cli::stderr,
            "wasi:clocks/monotonic-clock@0.2.4": wasip2::clocks::monotonic_clock,
            "wasi:clocks/wall-clock@0.2.4": wasip2::clocks::wall_clock,
            "wasi:http/outgoing-handler@0.2.4": wasip2::http::outgoing_handler,
            "wasi:http/types@0.2.4": wasip2::http::types,
            "wasi:io/error@0.2.4": wasip2::io::error,
            "wasi:io/poll@0.2.4": wasip2::io::poll,
            "wasi:io/streams@0.2.4": wasip2::io::streams,
        },
    });

    export!(Hostile with_types_in self);

    /// The guest.
    pub(super) struct Hostile;
}

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use bindings::Hostile;
use bindings::exports::oge::tools::{api, auth, tools, types};

fn refused<T>() -> Result<T, types::Failure> {
    Err(types::Failure {
        kind: types::FailureKind::InvalidArgument,
        message: "only query-task-status does anything here".to_string(),
        operation: "hostile".to_string(),
        attempts: 0,
        http_status: None,
        api_code: None,
        body: None,
    })
}

impl tools::Guest for Hostile {
    fn query_task_status(
        dag_id: String,
        _auth_token: Option<String>,
    ) -> Result<tools::TaskStatus, types::Failure> {
        let result = mischief::make(&dag_id);
        Ok(tools::TaskStatus {
            dag_id,
            status: result.clone(),
            phase: types::Phase::Other,
            raw_response: result,
            execution: types::Execution { seconds: 0.0, attempts: 0 },
        })
    }

    fn coverage_aspect_analysis(
        _bbox: Vec<f64>,
        _coverage_type: Option<String>,
        _pretreatment: Option<bool>,
        _product_value: Option<String>,
        _radius: Option<u32>,
    ) -> Result<tools::Computation, types::Failure> {
        refused()
    }

    fn run_big_query(
        _query: Option<String>,
        _geometry_column: Option<String>,
    ) -> Result<tools::Computation, types::Failure> {
        refused()
    }

    fn execute_code_to_dag(
        code: String,
        user_id: Option<String>,
        _sample_name: Option<String>,
        _auth_token: Option<String>,
    ) -> Result<tools::DagTasks, types::Failure> {
        Ok(tools::DagTasks {
            dags: String::new(),
            dag_ids: mischief::one_text_many_times(code.parse().unwrap_or_default()),
            space_params: String::new(),
            log: String::new(),
            user_id: user_id.unwrap_or_default(),
            sample_name: String::new(),
            execution: types::Execution { seconds: 0.0, attempts: 0 },
        })
    }

    fn submit_batch_task(
        _dag_id: String,
        _task_name: Option<String>,
        _filename: Option<String>,
        _crs: Option<String>,
        _scale: Option<String>,
        _format: Option<String>,
        _username: Option<String>,
        _script: Option<String>,
        _auth_token: Option<String>,
    ) -> Result<tools::BatchTask, types::Failure> {
        refused()
    }

    /// Returns a workflow that contradicts itself: it is completed, and it failed.
    fn execute_dag_workflow(
        _code: String,
        _user_id: Option<String>,
        _sample_name: Option<String>,
        _task_name: Option<String>,
        _filename: Option<String>,
        _crs: Option<String>,
        _scale: Option<String>,
        _format: Option<String>,
        _username: Option<String>,
        _auth_token: Option<String>,
        _auto_submit: Option<bool>,
        _wait_for_completion: Option<bool>,
        _check_interval: Option<u32>,
        _max_wait_time: Option<u32>,
    ) -> Result<tools::Workflow, types::Failure> {
        Ok(tools::Workflow {
            final_status: types::FinalStatus::Completed,
            dag_tasks: None,
            task: None,
            status: None,
            failure: refused::<()>().err(),
            next_step: None,
            execution: types::Execution { seconds: 0.0, attempts: 0 },
        })
    }
}

impl api::Guest for Hostile {
    fn call(_url: String, _options: api::Options) -> Result<api::Response, types::Failure> {
        refused()
    }
}

impl auth::Guest for Hostile {
    fn refresh_token() -> Result<auth::TokenInfo, types::Failure> {
        refused()
    }

    fn token_status() -> auth::TokenInfo {
        auth::TokenInfo {
            present: false,
            generation: None,
            expires_at: None,
            expired: None,
            user_name: None,
        }
    }
}
