//! The component's exports: WIT values in, one call of the core, WIT values out.

#[cfg(not(feature = "wassette"))]
mod api;
#[cfg(not(feature = "wassette"))]
mod auth;
mod to_wit;

use alloc::string::String;
use alloc::vec::Vec;

use self::to_wit::ToWit;
use super::bindings::{Component, tools as wit};
use super::clock::WasiClock;
use super::http::Http;
use super::token_store::WitTokenStore;
use super::wait::{Blocking, block_on};
use super::{settings, stderr};
use crate::client::Client;
use crate::error::Failure;
use crate::log::Event;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::tools::{
    CoverageAspectAnalysis, Done, ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, SubmitBatchTask,
    Tool, coverage_aspect_analysis, execute_code_to_dag, query_task_status, run_big_query,
    submit_batch_task,
};

/// The settings; where one is bad, the failure of the operation that needed them.
fn read_settings(operation: &'static str) -> Result<Settings, Failure> {
    settings::settings().map_err(|fault| {
        let failure = fault.into_failure(operation);
        stderr::write(settings::log_level(settings::source()), operation, Event::Failed(&failure));
        failure
    })
}

/// The client of the platform that the settings name.
fn client(
    settings: Settings,
) -> Client<Http<Blocking>, WitTokenStore, WasiClock, impl Fn(&str, Event<'_>)> {
    let log = settings.log;
    Client {
        transport: Http { wait: Blocking, max_reply_bytes: settings.max_reply_bytes },
        token_store: WitTokenStore,
        clock: WasiClock,
        redactor: crate::secret::Redactor::default(),
        observe: move |operation: &str, event: Event<'_>| stderr::write(log, operation, event),
        settings,
    }
}

fn run<T: Tool>(arguments: T::Arguments) -> Result<Done<T::Output>, Failure> {
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
}
