//! The five tools: calls a tool by its name, with the retry for an expired token.

use std::time::Duration;

use oge_tools::client::{Client, Clock, Transport};
use oge_tools::error::{Failure, Fault};
use oge_tools::for_each_tool;
use oge_tools::log::Event;
use oge_tools::pauses::Pauses;
use oge_tools::secret::{Redactor, Secret};
use oge_tools::settings::Settings;
use oge_tools::token::TokenStore;
use oge_tools::tools::{Completed, QueryTaskStatus, Tool, query_task_status};
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use send_wrapper::SendWrapper;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments;
use crate::ignored;
use crate::progress::{Progress, reporting};
use crate::result::{self, Limits};
use crate::server::Toolbox;
use crate::tools;

/// The effects of a call.
pub trait ServerEnv: Clone + 'static {
    /// Sends requests.
    type Transport: Transport;
    /// Holds the token.
    type TokenStore: TokenStore;
    /// Tells the time.
    type Clock: Clock;

    /// Returns the environment of one call, which holds memory from its response until its result is written.
    fn for_call(&self, context: &RequestContext<RoleServer>) -> Self;
    /// Waits until the call may use this much memory for its result.
    fn hold(&self, bytes: usize) -> impl Future<Output = ()>;
    /// Returns the limits of a result.
    fn limits(&self) -> Limits;
    /// Returns the settings.
    ///
    /// # Errors
    /// Names the first setting whose value is bad.
    fn settings(&self) -> Result<Settings, Fault>;
    /// Returns the transport of one call.
    fn transport(&self, settings: &Settings) -> Self::Transport;
    /// Returns the token store of this instance.
    fn tokens(&self) -> Self::TokenStore;
    /// Hides a caller's token from now on.
    fn remember(&self, token: Secret);
    /// Returns a redactor that hides all secrets that this instance knows.
    fn redactor(&self) -> Redactor;
    /// Returns the clock.
    fn clock(&self) -> Self::Clock;
    /// Waits for this time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
    /// Writes the log.
    fn log(&self, operation: &str, event: Event<'_>);
}

/// The five tools. `SendWrapper` is sound because a component has one thread.
#[derive(Debug)]
pub struct OgeToolbox<O>(SendWrapper<O>);

impl<O: ServerEnv> OgeToolbox<O> {
    /// Returns the tools with these effects.
    #[must_use]
    pub fn new(env: O) -> Self {
        Self(SendWrapper::new(env))
    }
}

impl<O: ServerEnv> Toolbox for OgeToolbox<O> {
    fn tools(&self) -> &[rmcp::model::Tool] {
        tools::all()
    }

    fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send {
        let env = self.0.for_call(&context);
        SendWrapper::new(async move {
            let CallToolRequestParams { name, arguments, .. } = request;
            let arguments = arguments.unwrap_or_default();
            let cancelled = context.ct.clone();
            let call = reporting(&context, |progress| {
                let call = ToolCall { env, progress };
                async move { call.named(&name, arguments).await }
            });
            tokio::select! {
                biased;
                result = call => result.map(Into::into),
                // Not sent: the SDK does not respond to a cancelled request.
                () = cancelled.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
            }
        })
    }
}

/// A running call.
struct ToolCall<O> {
    env: O,
    progress: Progress,
}

impl<O: ServerEnv> ToolCall<O> {
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

    async fn tool<T: Tool<Arguments: DeserializeOwned>>(self, given: JsonObject) -> CallToolResult {
        let ignored = arguments::ignored::<T>(&given);
        let result = match arguments::read::<T>(given) {
            Ok(arguments) => self.run::<T>(arguments).await,
            Err(failure) => Err(self.hidden(failure)),
        };
        self.end::<T>(result, &ignored).await
    }

    async fn run<T: Tool>(&self, arguments: T::Arguments) -> Result<Completed<T::Output>, Failure> {
        let settings = self.env.settings().map_err(|fault| fault.into_failure(T::OPERATION))?;
        let client = Client {
            transport: self.env.transport(&settings),
            token_store: self.env.tokens(),
            clock: self.env.clock(),
            observe: self.observer(),
            redactor: self.env.redactor(),
            settings,
        };
        client.run::<T>(arguments).await
    }

    /// Returns the observer of a call. It has one type for all tools, so that `Client` is compiled once.
    fn observer(&self) -> impl Fn(&str, Event<'_>) {
        |operation, event| {
            // `end` logs every failure once, whatever its source.
            if !matches!(event, Event::Failed(_)) {
                self.env.log(operation, event);
                self.progress.tell(event);
            }
        }
    }

    /// Queries a task's state, repeatedly until the task ends if the client asks to wait.
    async fn watch(
        &self,
        given: JsonObject,
    ) -> Result<Completed<query_task_status::Output>, Failure> {
        type Watched = QueryTaskStatus;
        let mut checked =
            arguments::checked::<Watched>(given).map_err(|failure| self.hidden(failure))?;
        // The only argument that the tool itself does not have. Its schema limits it.
        let wait = checked.remove("wait_seconds").as_ref().and_then(Value::as_u64);
        let arguments =
            arguments::take::<Watched>(checked).map_err(|failure| self.hidden(failure))?;
        let clock = self.env.clock();
        let started = clock.monotonic();
        let wait = Duration::from_secs(wait.unwrap_or_default());
        let mut pauses = Pauses::of(wait, started);
        loop {
            let mut done = self.run::<Watched>(arguments.clone()).await?;
            let output = &done.output;
            let now = clock.monotonic();
            let pause = if output.phase.is_end() { None } else { pauses.pause(now) };
            let Some(pause) = pause else {
                done.elapsed = now.saturating_sub(started);
                return Ok(done);
            };
            let waited = now.saturating_sub(started).as_secs();
            self.progress.tell(format!("任务状态: {} (已等待 {waited}s)", output.status));
            self.env.sleep(pause).await;
        }
    }

    /// Hides the secrets that this instance knows in a failure.
    fn hidden(&self, failure: Failure) -> Failure {
        failure.redacted(&self.env.redactor())
    }

    async fn end<T: Tool>(
        &self,
        result: Result<Completed<T::Output>, Failure>,
        ignored: &[String],
    ) -> CallToolResult {
        let limits = self.env.limits().reserving(ignored::bytes(ignored));
        let built = match result.map(|done| result::measure::<T>(done, limits)) {
            Ok(Ok(measured)) => {
                self.env.hold(measured.memory()).await;
                measured.build().map_err(|failure| self.hidden(failure))
            }
            Ok(Err(failure)) => Err(self.hidden(failure)),
            // `Client` has redacted the platform's text already.
            Err(failure) => Err(failure),
        };
        let mut result = built.unwrap_or_else(|failure| {
            self.env.log(T::OPERATION, Event::Failed(&failure));
            result::failure::<T>(&result::shortened::<T>(failure, limits))
        });
        ignored::tell(&mut result, ignored);
        result
    }
}

fn unknown_tool(name: &str) -> ErrorData {
    let known: Vec<_> = tools::all().iter().map(|tool| &*tool.name).collect();
    let message = format!("Unknown tool: {name}; the tools are {}", known.join(", "));
    ErrorData::invalid_params(message, None)
}
