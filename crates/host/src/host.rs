//! The host: one compiled component and a new instance for each call.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use oge_token::LoginCounts;
use oge_token::timing::MAX_TOKEN_WAIT;
use oge_tools::error::{Failure, FailureKind};
use oge_tools::secret::Secret;
use oge_tools::settings::Settings;
use oge_tools::tools::Completed;
use oge_tools::trace::CallId;
use oge_tools::url::Origin;
use oge_tools::{api, auth};
use tokio::time::timeout;
use wasmtime::Store;
use wasmtime::component::ResourceTableError;

use crate::bindings::OgeToolsPre;
use crate::bindings::exports::oge::tools::api as wit;
use crate::builder::HostBuilder;
use crate::client::HttpClient;
use crate::cpu::metered;
use crate::engine::Pool;
use crate::from_wit;
use crate::guest::{ExportResult, Guest, interface};
use crate::guest_log::{GuestLog, LogSink};
use crate::known::HostSecrets;
use crate::limits::{LimitExceeded, Limits};
use crate::outgoing::Outgoing;
use crate::state::State;
use crate::token_store::TokenStore;
use crate::tools::GuestTool;
use crate::wasi_cli::Cli;

/// How much longer a call may take than its deadlines allow.
const MARGIN: Duration = Duration::from_secs(10);

/// Runs the component. Clones share everything. Calls may run concurrently.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) pool: Arc<Pool>,
    pub(crate) component: OgeToolsPre<State>,
    pub(crate) environment: Arc<[(String, String)]>,
    pub(crate) settings: Settings,
    pub(crate) allowed: Arc<[Origin]>,
    pub(crate) client: HttpClient,
    pub(crate) tokens: Arc<dyn TokenStore>,
    pub(crate) known: HostSecrets,
    /// The guests' log, with secrets hidden.
    pub(crate) log: LogSink,
    pub(crate) limits: Limits,
    pub(crate) memory: usize,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The component returned a failure.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The host stopped the component.
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
    /// The component trapped.
    #[error("the component trapped: {0}")]
    Trapped(String),
}

impl CallError {
    /// Returns the error as a failure of `operation`. A component that was stopped has no failure of its own:
    /// the time limit becomes `timeout`, the memory limit `reply-too-large`, and anything else `bad-reply`.
    #[must_use]
    pub fn into_failure(self, operation: &'static str) -> Failure {
        let kind = match self {
            Self::Failure(failure) => return failure,
            Self::LimitExceeded(LimitExceeded::Wall(_)) => FailureKind::Timeout,
            Self::LimitExceeded(LimitExceeded::Memory(_)) => FailureKind::ReplyTooLarge,
            Self::LimitExceeded(_) | Self::Trapped(_) => FailureKind::BadReply,
        };
        Failure::new(kind, operation, self.to_string())
    }
}

impl Host {
    /// Returns a builder of a host that runs `component`: the bytes of `oge-tools.wasm`, or of another
    /// component of the same world.
    #[must_use]
    pub fn builder(component: impl Into<Cow<'static, [u8]>>) -> HostBuilder {
        HostBuilder::new(component.into())
    }

    /// Runs one tool.
    ///
    /// # Errors
    /// Fails if the call fails, or if the component is stopped or traps.
    pub async fn run<T: GuestTool>(
        &self,
        arguments: &T::Arguments,
    ) -> Result<Completed<T::Output>, CallError>
    where
        T::Arguments: Sync,
    {
        self.run_tool::<T>(arguments, None, &self.0.log).await
    }

    /// As [`Host::run`], and sends the log of this call to `log`, not to the host's. `id` identifies the call
    /// in the log and at the platform.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn run_logged<T: GuestTool>(
        &self,
        arguments: &T::Arguments,
        id: &CallId,
        log: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Completed<T::Output>, CallError>
    where
        T::Arguments: Sync,
    {
        self.run_tool::<T>(arguments, Some(id), &self.0.known.redacting(Arc::new(log))).await
    }

    async fn run_tool<T: GuestTool>(
        &self,
        arguments: &T::Arguments,
        id: Option<&CallId>,
        log: &LogSink,
    ) -> Result<Completed<T::Output>, CallError>
    where
        T::Arguments: Sync,
    {
        let request = time_of_request(self.0.settings.timeout(T::TIMEOUT_SECONDS));
        let longest = T::REQUESTS * request + T::waits(arguments);
        let call = async |guest: &mut Guest| T::call(guest, arguments).await;
        let mut done = self.call(T::OPERATION, longest, self.0.cli(log, id), call).await?;
        if let Some(failure) = T::failure(&mut done.output) {
            *failure = self.0.known.redacted(failure.clone());
        }
        Ok(done)
    }

    /// Checks that the token store can be used, without a request to anybody.
    ///
    /// # Errors
    /// Returns why it cannot.
    pub fn check_token_store(&self) -> Result<(), String> {
        self.0.tokens.check()
    }

    /// Returns how many logins the token store has made.
    #[must_use]
    pub fn login_counts(&self) -> LoginCounts {
        self.0.tokens.login_counts()
    }

    /// Sends one request to any endpoint, with the retry for an expired token.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn call_api(&self, arguments: &api::Arguments) -> Result<api::Output, CallError> {
        let seconds = arguments.timeout_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let attempt = seconds.unwrap_or_else(|| self.0.settings.timeout(api::TIMEOUT_SECONDS));
        let expose = |secret: &Secret| secret.expose().to_owned();
        let headers = arguments.headers.as_ref().map(|headers| {
            headers.iter().map(|(name, value)| (name.clone(), expose(value))).collect()
        });
        let options = wit::Options {
            method: arguments.method.clone(),
            json: arguments.json.clone(),
            query: arguments.query.clone(),
            headers,
            timeout_seconds: arguments.timeout_seconds,
            auto_retry_on_token_expire: arguments.auto_retry_on_token_expire,
            use_intranet_token: arguments.use_intranet_token,
            auth_token: arguments.auth_token.as_ref().map(expose),
        };
        let cli = self.0.cli(&self.0.log, None);
        self.call(api::OPERATION, time_of_request(attempt), cli, async |guest| {
            let parameters = (&*arguments.url, options);
            let response: ExportResult<_> = guest.call(interface::API, "call", parameters).await?;
            Ok(response.map(from_wit::response))
        })
        .await
    }

    /// Creates an instance and drops it, so that the first call is fast.
    ///
    /// # Errors
    /// Fails if no instance can be created.
    pub async fn warm_up(&self) -> Result<(), CallError> {
        let cli = self.0.cli(&self.0.log, None);
        self.call("warm-up", MAX_TOKEN_WAIT, cli, async |_| Ok(Ok(()))).await
    }

    /// Gets a new token now, through the component.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn refresh_token(&self) -> Result<auth::TokenInfo, CallError> {
        let cli = self.0.cli(&self.0.log, None);
        self.call(auth::OPERATION, MAX_TOKEN_WAIT, cli, async |guest| {
            let info: ExportResult<_> = guest.call(interface::AUTH, "refresh-token", ()).await?;
            Ok(info.map(from_wit::token_info))
        })
        .await
    }

    /// Describes the held token. Contacts no one.
    ///
    /// # Errors
    /// Fails if the component is stopped or traps.
    pub async fn token_status(&self) -> Result<auth::TokenInfo, CallError> {
        let cli = self.0.cli(&self.0.log, None);
        self.call(auth::OPERATION, MAX_TOKEN_WAIT, cli, async |guest| {
            let info = guest.call(interface::AUTH, "token-status", ()).await?;
            Ok(Ok(from_wit::token_info(info)))
        })
        .await
    }

    /// Creates an instance and makes one call of it, both within the limits. `longest` is how long the call's
    /// deadlines allow it to take.
    async fn call<R>(
        &self,
        operation: &'static str,
        longest: Duration,
        cli: Cli,
        call: impl AsyncFnOnce(&mut Guest) -> wasmtime::Result<ExportResult<R>>,
    ) -> Result<R, CallError> {
        let inner = &*self.0;
        let wall = inner.limits.wall.unwrap_or(longest + MARGIN);
        let running = async {
            let _permit = inner.pool.permits.acquire().await;
            let mut store = inner.store(cli);
            let instance = inner.component.instance_pre().instantiate_async(&mut store).await?;
            call(&mut Guest { instance, store }).await
        };
        let result = timeout(wall, metered(inner.limits.cpu, running))
            .await
            .map_err(|_| LimitExceeded::Wall(wall))??
            .map_err(|error| inner.stopped_or_trapped(&error))?;
        result.map_err(|failure| inner.known.redacted(from_wit::failure(failure, operation)).into())
    }
}

/// Returns how long a request may take: two attempts, and the wait for tokens.
fn time_of_request(attempt: Duration) -> Duration {
    2 * attempt + MAX_TOKEN_WAIT
}

impl Inner {
    /// Returns a call's environment and log. `id` identifies the call.
    fn cli(&self, log: &LogSink, id: Option<&CallId>) -> Cli {
        let environment = match id {
            None => Arc::clone(&self.environment),
            Some(id) => self.environment.iter().cloned().chain(id.variables()).collect(),
        };
        Cli { environment, log: GuestLog::new(Arc::clone(log)) }
    }

    fn store(&self, cli: Cli) -> Store<State> {
        let state = State::new(
            cli,
            Outgoing::new(self.client.clone(), Arc::clone(&self.allowed), self.limits.requests),
            Arc::clone(&self.tokens),
            self.known.clone(),
            &self.limits,
            self.memory,
        );
        let mut store = Store::new(&self.pool.engine, state);
        store.limiter(|state| &mut state.memory);
        // Bounds what is copied out of a guest by the guest's memory.
        store.set_hostcall_fuel(self.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// Returns the limit that stopped the component, or its trap.
    fn stopped_or_trapped(&self, error: &wasmtime::Error) -> CallError {
        if let Some(stopped) = error.downcast_ref::<LimitExceeded>() {
            return (*stopped).into();
        }
        match error.downcast_ref::<ResourceTableError>() {
            Some(ResourceTableError::Full) => {
                LimitExceeded::Resources(self.limits.resources).into()
            }
            _ => CallError::Trapped(error.root_cause().to_string()),
        }
    }
}
