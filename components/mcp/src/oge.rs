//! The five tools as a toolbox: a call by its name, under the call rule.

use std::time::Duration;

use oge_tools::client::{Client, Clock, Transport};
use oge_tools::error::{Failure, Fault};
use oge_tools::for_each_tool;
use oge_tools::log::Event;
use oge_tools::secret::{Redactor, Secret};
use oge_tools::settings::Settings;
use oge_tools::token::TokenStore;
use oge_tools::tools::{Done, QueryTaskStatus, Tool, query_task_status};
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
use crate::watch::Pauses;

/// What a call touches.
pub trait ServerEnv: Clone + 'static {
    /// Sends requests.
    type Transport: Transport;
    /// Where the token lives.
    type TokenStore: TokenStore;
    /// Tells the time.
    type Clock: Clock;

    /// The same for one call, which holds memory from its response until its result is written.
    fn for_call(&self, context: &RequestContext<RoleServer>) -> Self;
    /// Returns once the call may take so much memory for its result.
    fn hold(&self, bytes: usize) -> impl Future<Output = ()>;
    /// How large a result may be.
    fn limits(&self) -> Limits;
    /// What the deployment decides.
    ///
    /// # Errors
    /// Names the first setting whose value is bad.
    fn settings(&self) -> Result<Settings, Fault>;
    /// Sends the requests of one call.
    fn transport(&self, settings: &Settings) -> Self::Transport;
    /// The token of this instance.
    fn tokens(&self) -> Self::TokenStore;
    /// Takes a token that a caller gave for a secret from now on.
    fn remember(&self, token: Secret);
    /// Hides all secrets that this instance knows.
    fn redactor(&self) -> Redactor;
    /// The clocks.
    fn clock(&self) -> Self::Clock;
    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
    /// Writes the log.
    fn log(&self, operation: &str, event: Event<'_>);
}

/// The five tools. A component has one thread, which is all that `SendWrapper` asks for.
#[derive(Debug)]
pub struct Oge<O>(SendWrapper<O>);

impl<O: ServerEnv> Oge<O> {
    /// The tools over this.
    #[must_use]
    pub fn new(outside: O) -> Self {
        Self(SendWrapper::new(outside))
    }
}

impl<O: ServerEnv> Toolbox for Oge<O> {
    fn tools(&self) -> &[rmcp::model::Tool] {
        tools::all()
    }

    fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CallToolResponse, ErrorData>> + Send {
        let outside = self.0.for_call(&context);
        SendWrapper::new(async move {
            let CallToolRequestParams { name, arguments, .. } = request;
            let arguments = arguments.unwrap_or_default();
            let cancelled = context.ct.clone();
            let call = reporting(&context, |progress| {
                let call = Call { outside, progress };
                async move { call.named(&name, arguments).await }
            });
            tokio::select! {
                biased;
                result = call => result.map(Into::into),
                // Nobody waits for this: the SDK answers no cancelled request.
                () = cancelled.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
            }
        })
    }
}

/// One call under way.
struct Call<O> {
    outside: O,
    progress: Progress,
}

impl<O: ServerEnv> Call<O> {
    async fn named(self, name: &str, given: JsonObject) -> Result<CallToolResult, ErrorData> {
        if let Some(token) = arguments::secret(&given) {
            self.outside.remember(Secret::new(token));
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

    async fn run<T: Tool>(&self, arguments: T::Arguments) -> Result<Done<T::Output>, Failure> {
        let settings = self.outside.settings().map_err(|fault| fault.into_failure(T::OPERATION))?;
        let client = Client {
            transport: self.outside.transport(&settings),
            token_store: self.outside.tokens(),
            clock: self.outside.clock(),
            observe: self.observer(),
            redactor: self.outside.redactor(),
            settings,
        };
        client.run::<T>(arguments).await
    }

    /// Who is told what happens: of one type for all tools, so that the call rule is compiled once.
    fn observer(&self) -> impl Fn(&str, Event<'_>) {
        |operation, event| {
            // A failure is told once, by `end`, wherever it comes from.
            if !matches!(event, Event::Failed(_)) {
                self.outside.log(operation, event);
                self.progress.tell(event);
            }
        }
    }

    /// Asks for a task's state; where the client waits, until the task has ended.
    async fn watch(&self, given: JsonObject) -> Result<Done<query_task_status::Output>, Failure> {
        type Watched = QueryTaskStatus;
        let mut checked =
            arguments::checked::<Watched>(given).map_err(|failure| self.hidden(failure))?;
        // The one argument that is this server's own; its schema bounds it.
        let wait = checked.remove("wait_seconds").as_ref().and_then(Value::as_u64);
        let arguments =
            arguments::take::<Watched>(checked).map_err(|failure| self.hidden(failure))?;
        let clock = self.outside.clock();
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
            self.outside.sleep(pause).await;
        }
    }

    /// The failure without the secrets that this instance knows.
    fn hidden(&self, failure: Failure) -> Failure {
        failure.redacted(&self.outside.redactor())
    }

    async fn end<T: Tool>(
        &self,
        result: Result<Done<T::Output>, Failure>,
        ignored: &[String],
    ) -> CallToolResult {
        let limits = self.outside.limits().reserving(ignored::bytes(ignored));
        let built = match result.map(|done| result::measure::<T>(done, limits)) {
            Ok(Ok(measured)) => {
                self.outside.hold(measured.memory()).await;
                measured.build().map_err(|failure| self.hidden(failure))
            }
            Ok(Err(failure)) => Err(self.hidden(failure)),
            // What the platform said in it is redacted already.
            Err(failure) => Err(failure),
        };
        let mut result = built.unwrap_or_else(|failure| {
            self.outside.log(T::OPERATION, Event::Failed(&failure));
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
