//! The tools: calls a tool by its name.

mod resources;
mod tasks;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use oge_token::{Folders, LoginCounts};
use oge_tools::error::Failure;
use oge_tools::for_each_tool;
use oge_tools::pauses::{Pauses, watch};
use oge_tools::secret::{Redactor, Secret};
use oge_tools::tools::{Completed, QueryTaskStatus, Tool, query_task_status};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, DetailedTask, JsonObject,
    ReadResourceResult,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use send_wrapper::SendWrapper;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments;
use crate::ignored;
use crate::metrics::Metrics;
use crate::progress::{Progress, reporting};
use crate::result::{self, Limits, Measured};
use crate::results::Results;
use crate::server::Toolbox;
use crate::tools;

/// The argument that makes `query_task_status` wait. The tool itself does not have it.
const WAIT: &str = "wait_seconds";

/// The effects of a call.
pub trait ServerEnv: Clone + 'static {
    /// The directory that keeps state between instances.
    type Directory: Folders;

    /// Returns the environment of one call, which holds memory from its response until its result is written.
    fn for_call(&self, context: &RequestContext<RoleServer>) -> Self;
    /// Checks that calls can succeed as far as this process knows, without a request to anybody.
    ///
    /// # Errors
    /// Returns what is missing.
    fn is_ready(&self) -> Result<(), String>;
    /// Waits until the call may use this much memory for its result.
    fn hold(&self, bytes: usize) -> impl Future<Output = ()>;
    /// Returns the limits of a result.
    fn limits(&self) -> Limits;
    /// Hides a caller's token from now on.
    fn remember(&self, token: Secret);
    /// Returns what hides all secrets that this process knows.
    fn redactor(&self) -> Redactor;
    /// Hides them in a failure.
    fn redacted(&self, failure: Failure) -> Failure {
        failure.redacted(&self.redactor())
    }
    /// Returns the time since an arbitrary fixed point.
    fn now(&self) -> Duration;
    /// Returns the time since 1970, UTC.
    fn wall(&self) -> Duration;
    /// Returns the place of large results. `None` if this process keeps nothing.
    fn results(&self) -> Option<Results<Self::Directory>>;
    /// Returns the value of a setting.
    fn setting(&self, key: &str) -> Option<String>;
    /// Waits for this time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
    /// Returns how many logins this process has made.
    fn login_counts(&self) -> LoginCounts;
    /// Logs a failed call.
    fn log_failure(&self, operation: &str, failure: &Failure);
}

/// Runs one tool.
pub trait RunTool<T: Tool> {
    /// Runs the tool. Logs and reports what happens, but not the failure that it returns.
    ///
    /// # Errors
    /// The call's failure. It has no secret in it.
    fn run(
        &self,
        arguments: T::Arguments,
        progress: &Progress,
    ) -> impl Future<Output = Result<Completed<T::Output>, Failure>>;
}

macro_rules! every_tool {
    ($($module:ident, $name:literal, $tool:ident;)*) => {
        /// Runs any of the tools.
        pub trait RunTools: ServerEnv $(+ RunTool<oge_tools::tools::$tool>)* {}

        impl<E: ServerEnv $(+ RunTool<oge_tools::tools::$tool>)*> RunTools for E {}
    };
}

for_each_tool!(every_tool);

/// The tools. The `SendWrapper` is sound because a server runs on one thread.
#[derive(Debug)]
pub struct OgeToolbox<O>(SendWrapper<O>, SendWrapper<Rc<RefCell<Metrics>>>);

impl<O: RunTools> OgeToolbox<O> {
    /// Returns the tools with these effects.
    #[must_use]
    pub fn new(env: O) -> Self {
        Self(SendWrapper::new(env), SendWrapper::new(Rc::default()))
    }

    /// Runs `work` until it ends or the client cancels the request.
    fn running<T>(
        &self,
        context: RequestContext<RoleServer>,
        work: impl AsyncFnOnce(ToolCall<O>) -> Result<T, ErrorData>,
    ) -> impl Future<Output = Result<T, ErrorData>> + Send {
        let env = self.0.for_call(&context);
        let (metrics, started) = (Rc::clone(&self.1), env.now());
        SendWrapper::new(async move {
            let cancelled = context.ct.clone();
            let call = |progress| work(ToolCall { env, progress, metrics, started });
            let call = reporting(&context, call);
            tokio::select! {
                biased;
                result = call => result,
                // Not sent: the SDK does not respond to a cancelled request.
                () = cancelled.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
            }
        })
    }
}

impl<O: RunTools> Toolbox for OgeToolbox<O> {
    fn tools(&self) -> &[rmcp::model::Tool] {
        tools::all()
    }

    fn is_ready(&self) -> Result<(), String> {
        self.0.is_ready()
    }

    fn metrics(&self) -> String {
        self.1.borrow().text(self.0.login_counts())
    }

    fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send {
        let CallToolRequestParams { name, arguments, .. } = request;
        let has_tasks = context.client_capabilities().is_some_and(|it| it.supports_tasks());
        self.running(context, async move |call| {
            let given = arguments.unwrap_or_default();
            let begun = if has_tasks { call.begin(&name, &given).await } else { None };
            match begun {
                Some(response) => Ok(response),
                None => call.named(&name, given).await.map(Into::into),
            }
        })
    }

    fn task(
        &self,
        id: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<DetailedTask, ErrorData>> + Send {
        self.running(context, async move |call| call.poll(id).await)
    }

    /// There is nothing to cancel: the server does nothing between two polls, and the platform has no way to stop a
    /// batch task. So a cancelled task is acknowledged and goes on.
    fn check_task(
        &self,
        id: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send {
        self.running(context, async move |call| call.check_task(&id))
    }

    fn read_resource(
        &self,
        uri: String,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ReadResourceResult, ErrorData>> + Send {
        self.running(context, async move |call| call.read_result(&uri).await)
    }
}

/// A running call.
struct ToolCall<O> {
    env: O,
    progress: Progress,
    metrics: Rc<RefCell<Metrics>>,
    started: Duration,
}

impl<O: RunTools> ToolCall<O> {
    async fn named(self, name: &str, given: JsonObject) -> Result<CallToolResult, ErrorData> {
        if let Some(token) = arguments::secret(&given) {
            self.env.remember(Secret::new(token));
        }
        if name == QueryTaskStatus::NAME {
            let ignored = arguments::ignored::<QueryTaskStatus>(&given);
            let result = self.watch(given).await;
            return Ok(self.end::<QueryTaskStatus>(result, &ignored).await);
        }
        macro_rules! dispatch {
            ($($module:ident, $name:literal, $tool:ident;)*) => {
                match name {
                    $(oge_tools::tools::$tool::NAME => {
                        Ok(self.tool::<oge_tools::tools::$tool>(given).await)
                    })*
                    _ => Err(unknown_tool(name)),
                }
            };
        }
        for_each_tool!(dispatch)
    }

    async fn tool<T: Tool<Arguments: DeserializeOwned>>(self, given: JsonObject) -> CallToolResult
    where
        O: RunTool<T>,
    {
        let ignored = arguments::ignored::<T>(&given);
        let result = match arguments::read::<T>(given) {
            Ok(arguments) => self.run::<T>(arguments).await,
            Err(failure) => Err(self.env.redacted(failure)),
        };
        self.end::<T>(result, &ignored).await
    }

    async fn run<T: Tool>(&self, arguments: T::Arguments) -> Result<Completed<T::Output>, Failure>
    where
        O: RunTool<T>,
    {
        RunTool::<T>::run(&self.env, arguments, &self.progress).await
    }

    /// Queries a task's state, repeatedly until the task ends if the client asks to wait.
    async fn watch(
        &self,
        given: JsonObject,
    ) -> Result<Completed<query_task_status::Output>, Failure> {
        type Watched = QueryTaskStatus;
        let mut checked =
            arguments::checked::<Watched>(given).map_err(|failure| self.env.redacted(failure))?;
        // Its schema limits it.
        let wait = checked.remove(WAIT).as_ref().and_then(Value::as_u64);
        let arguments =
            arguments::take::<Watched>(checked).map_err(|failure| self.env.redacted(failure))?;
        let query = async || self.run::<Watched>(arguments.clone()).await;
        let pause = async |pause, output: &query_task_status::Output, waited: Duration| {
            self.progress.tell(self.waiting(output, waited));
            self.env.sleep(pause).await;
        };
        let wait = Duration::from_secs(wait.unwrap_or_default());
        watch(Pauses::growing(wait), || self.env.now(), query, pause).await
    }

    /// Describes a task that has not ended. Hides secrets, because the state is the platform's text.
    fn waiting(&self, output: &query_task_status::Output, waited: Duration) -> String {
        let state = self.env.redactor().excerpt(&output.status);
        format!("任务状态: {state} (已等待 {}s)", waited.as_secs())
    }

    async fn end<T: Tool>(
        &self,
        result: Result<Completed<T::Output>, Failure>,
        ignored: &[String],
    ) -> CallToolResult {
        let limits = self.env.limits().reserving(ignored::bytes(ignored));
        let attempts = match &result {
            Ok(done) => done.attempts,
            Err(failure) => failure.attempts,
        };
        let mut outcome = "ok";
        let result = result.map(|mut done| {
            if let Some(failure) = T::failure(&mut done.output) {
                *failure = self.env.redacted(failure.clone());
                self.env.log_failure(T::OPERATION, failure);
                outcome = failure.kind.as_str();
            }
            result::measure::<T>(done, limits)
        });
        let built = match result {
            Ok(measured) => {
                self.build(measured).await.map_err(|failure| self.env.redacted(failure))
            }
            Err(failure) => Err(failure),
        };
        let outcome = built.as_ref().map_or_else(|failure| failure.kind.as_str(), |_| outcome);
        let time = self.env.now().saturating_sub(self.started);
        self.metrics.borrow_mut().ended(T::NAME, outcome, attempts, time);
        let mut result = built.unwrap_or_else(|failure| {
            self.env.log_failure(T::OPERATION, &failure);
            result::failure::<T>(&result::shortened::<T>(failure, limits))
        });
        ignored::tell(&mut result, ignored);
        result
    }

    /// Builds a result. Keeps it if it is large and there is a place for it.
    async fn build<T: Tool>(&self, mut measured: Measured<T>) -> Result<CallToolResult, Failure> {
        if measured.is_large()
            && let Some(results) = self.env.results()
        {
            self.env.hold(measured.memory_to_keep()).await;
            if let Some(result) = measured.keep(|data| results.keep(data, self.env.wall())) {
                return Ok(result);
            }
        }
        let measured = measured.checked()?;
        self.env.hold(measured.memory()).await;
        measured.build()
    }
}

fn unknown_tool(name: &str) -> ErrorData {
    let known: Vec<_> = tools::all().iter().map(|tool| &*tool.name).collect();
    let message = format!("Unknown tool: {name}; the tools are {}", known.join(", "));
    ErrorData::invalid_params(message, None)
}
