//! The five tools: arguments → request, response → result. A file a tool, all of them pure.

mod check;
mod computation;
pub mod coverage_aspect_analysis;
pub mod execute_code_to_dag;
pub mod query_task_status;
pub mod run_big_query;
pub mod submit_batch_task;

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use serde::Serialize;

use crate::authorization::Authorization;
use crate::client::{Accepted, Client, Clock, Transport};
use crate::error::{Failure, Fault};
use crate::log::Event;
use crate::request::{Method, Request};
use crate::settings::Settings;
use crate::token::TokenStore;
use crate::url::Url;

pub use computation::Computation;
pub use coverage_aspect_analysis::CoverageAspectAnalysis;
pub use execute_code_to_dag::ExecuteCodeToDag;
pub use query_task_status::QueryTaskStatus;
pub use run_big_query::RunBigQuery;
pub use submit_batch_task::SubmitBatchTask;

/// Calls `$then!` with every tool: its module, its name in the WIT, and its type. Whatever does something for
/// each tool is written by such a macro.
#[macro_export]
macro_rules! for_each_tool {
    ($then:ident) => {
        $then! {
            coverage_aspect_analysis, "coverage-aspect-analysis", CoverageAspectAnalysis;
            run_big_query, "run-big-query", RunBigQuery;
            execute_code_to_dag, "execute-code-to-dag", ExecuteCodeToDag;
            submit_batch_task, "submit-batch-task", SubmitBatchTask;
            query_task_status, "query-task-status", QueryTaskStatus;
        }
    };
}

/// A tool: how its request is made and its response read. The value is what reading needs to know.
pub trait Tool: Sized {
    /// The tool's name, as MCP and the old server spell it.
    const NAME: &'static str;
    /// The operation's label, as the platform's users know it.
    const OPERATION: &'static str;
    /// `intranet` or `dag`: the envelope's `api_endpoint`.
    const ENDPOINT: &'static str;
    /// How long one attempt may take, in seconds, where `OGE_TIMEOUT_SECONDS` says nothing.
    const TIMEOUT_SECONDS: u32;
    /// What a caller passes.
    type Arguments;
    /// What comes back: the envelope's `data`.
    type Output: Serialize;

    /// Checks the arguments and builds the request. `now` reads the wall clock, since 1970.
    ///
    /// # Errors
    /// Names the first argument or setting that is missing or bad.
    fn prepare(
        arguments: Self::Arguments,
        settings: &Settings,
        now: impl FnOnce() -> Duration,
    ) -> Result<Prepared<Self>, Fault>;

    /// Reads the platform's answer.
    ///
    /// # Errors
    /// Where the answer is not one that this tool knows.
    fn read(self, response: Accepted) -> Result<Self::Output, Failure>;

    /// The success, for people.
    fn message(output: &Self::Output) -> String;

    /// The failure, for people.
    #[must_use]
    fn failure_message(failure: &Failure) -> String {
        format!("{}失败: {}", Self::OPERATION, failure.message)
    }
}

/// A tool call that only needs sending.
#[derive(Debug)]
pub struct Prepared<T> {
    /// What reading the response needs to know.
    pub tool: T,
    /// What is sent.
    pub request: Request,
    /// Whose token it carries.
    pub authorization: Authorization,
}

impl<T: Tool> Prepared<T> {
    /// A POST of `payload`.
    fn post(
        tool: T,
        url: Url,
        payload: &impl Serialize,
        authorization: Authorization,
        settings: &Settings,
    ) -> Self {
        // Structs of strings, numbers and booleans always have a JSON form.
        let body = serde_json::to_string(payload).ok();
        Self::of(tool, Method::post(), url, body, authorization, settings)
    }

    /// A GET.
    fn get(tool: T, url: Url, authorization: Authorization, settings: &Settings) -> Self {
        Self::of(tool, Method::get(), url, None, authorization, settings)
    }

    fn of(
        tool: T,
        method: Method,
        url: Url,
        body: Option<String>,
        authorization: Authorization,
        settings: &Settings,
    ) -> Self {
        let timeout = settings.timeout(T::TIMEOUT_SECONDS);
        let mut request = Request::json(T::OPERATION, method, url, body, timeout);
        request.url_from = if T::ENDPOINT == "dag" { "OGE_DAG_URL" } else { "OGE_API_URL" };
        Self { tool, request, authorization }
    }
}

/// A call that succeeded.
#[derive(Clone, Debug)]
pub struct Done<T> {
    /// The result.
    pub output: T,
    /// Requests sent: 1 or 2.
    pub attempts: u8,
    /// The whole call, both requests and the refresh where there were any.
    pub elapsed: Duration,
}

impl<S: Transport, T: TokenStore, C: Clock, O: Fn(&str, Event<'_>)> Client<S, T, C, O> {
    /// Runs one tool.
    ///
    /// # Errors
    /// As the WIT's `failure-kind` says.
    pub async fn run<U: Tool>(&self, arguments: U::Arguments) -> Result<Done<U::Output>, Failure> {
        let result = self.try_run::<U>(arguments).await;
        if let Err(failure) = &result {
            (self.observe)(U::OPERATION, Event::Failed(failure));
        }
        result
    }

    async fn try_run<U: Tool>(&self, arguments: U::Arguments) -> Result<Done<U::Output>, Failure> {
        let started = self.clock.monotonic();
        let Prepared { tool, request, authorization } =
            U::prepare(arguments, &self.settings, || self.clock.wall())
                .map_err(|fault| fault.into_failure(U::OPERATION))?;
        let response = self.call(&request, &authorization).await?;
        let attempts = response.attempts;
        response.check(U::OPERATION)?;
        let output = tool.read(response)?;
        let elapsed = self.clock.monotonic().saturating_sub(started);
        (self.observe)(U::OPERATION, Event::Accepted { elapsed });
        Ok(Done { output, attempts, elapsed })
    }
}

/// Serializes a string that is JSON text as the JSON it is.
pub(crate) mod json_text {
    use serde::ser::Error as _;
    use serde::{Serialize as _, Serializer};
    use serde_json::value::RawValue;

    pub(crate) fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(text).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}
