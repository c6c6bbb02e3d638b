//! A host: one compiled component, a fresh instance for each call.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use oge_token::timing::MAX_TOKEN_WAIT;
use oge_tools::error::Failure;
use oge_tools::secret::Secret;
use oge_tools::settings::Settings;
use oge_tools::tools::Done;
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
use crate::guest::{Answer, Guest, interface};
use crate::guest_log::{GuestLog, LogSink};
use crate::known::Known;
use crate::limits::{Limits, Stopped};
use crate::outgoing::Outgoing;
use crate::requests::Requests;
use crate::state::State;
use crate::token_store::TokenStore;
use crate::tools::GuestTool;
use crate::wasi_cli::Cli;

/// What a call may take beside its attempts: tokens, and ten seconds for what else takes its time.
const TOKENS_AND_MARGIN: Duration = Duration::from_secs(MAX_TOKEN_WAIT.as_secs() + 10);

/// Runs the component. Clones share everything; calls may run at once.
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
    pub(crate) known: Known,
    /// Of the guests, without secrets.
    pub(crate) log: LogSink,
    pub(crate) limits: Limits,
    pub(crate) memory: usize,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The component says so.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The host stopped the component.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The component broke off.
    #[error("the component broke off: {0}")]
    Trapped(String),
}

impl Host {
    /// Starts the description of a host that runs `component`: the bytes of `oge-tools.wasm`, or of another
    /// component of the same world.
    #[must_use]
    pub fn builder(component: impl Into<Cow<'static, [u8]>>) -> HostBuilder {
        HostBuilder::new(component.into())
    }

    /// Runs one tool.
    ///
    /// # Errors
    /// Where the call fails, or the component is stopped or breaks off.
    pub async fn run<T: GuestTool>(
        &self,
        arguments: &T::Arguments,
    ) -> Result<Done<T::Output>, CallError>
    where
        T::Arguments: Sync,
    {
        let attempt = self.0.settings.timeout(T::TIMEOUT_SECONDS);
        self.call(T::OPERATION, attempt, async |guest| T::call(guest, arguments).await).await
    }

    /// Sends one request to any endpoint under the call rule.
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
        self.call(api::OPERATION, attempt, async |guest| {
            let parameters = (&*arguments.url, options);
            let response: Answer<_> = guest.call(interface::API, "call", parameters).await?;
            Ok(response.map(from_wit::response))
        })
        .await
    }

    /// Makes an instance and lets it go, so that the first call finds everything at hand.
    ///
    /// # Errors
    /// Where no instance can be made.
    pub async fn warm_up(&self) -> Result<(), CallError> {
        self.call("warm-up", Duration::ZERO, async |_| Ok(Ok(()))).await
    }

    /// Fetches a new token now, through the component.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn refresh_token(&self) -> Result<auth::TokenInfo, CallError> {
        self.call(auth::OPERATION, Duration::ZERO, async |guest| {
            let info: Answer<_> = guest.call(interface::AUTH, "refresh-token", ()).await?;
            Ok(info.map(from_wit::token_info))
        })
        .await
    }

    /// What is known of the held token. Contacts no one.
    ///
    /// # Errors
    /// Where the component is stopped or breaks off.
    pub async fn token_status(&self) -> Result<auth::TokenInfo, CallError> {
        self.call(auth::OPERATION, Duration::ZERO, async |guest| {
            let info = guest.call(interface::AUTH, "token-status", ()).await?;
            Ok(Ok(from_wit::token_info(info)))
        })
        .await
    }

    /// A fresh instance, one call of it, and the limits around both. `attempt` is what one request
    /// to the platform may take.
    async fn call<R>(
        &self,
        operation: &'static str,
        attempt: Duration,
        call: impl AsyncFnOnce(&mut Guest) -> wasmtime::Result<Answer<R>>,
    ) -> Result<R, CallError> {
        let inner = &*self.0;
        let wall = inner.limits.wall.unwrap_or(2 * attempt + TOKENS_AND_MARGIN);
        let requests = Requests::default();
        let running = requests.during(async {
            let _turn = inner.pool.turns.acquire().await;
            let mut store = inner.store(requests.clone());
            let instance = inner.component.instance_pre().instantiate_async(&mut store).await?;
            call(&mut Guest { instance, store }).await
        });
        let answer = timeout(wall, metered(inner.limits.cpu, running))
            .await
            .map_err(|_| Stopped::Wall(wall))??
            .map_err(|error| inner.broken(&error))?;
        answer.map_err(|failure| inner.known.redacted(from_wit::failure(failure, operation)).into())
    }
}

impl Inner {
    fn store(&self, requests: Requests) -> Store<State> {
        let state = State::new(
            Cli {
                environment: Arc::clone(&self.environment),
                log: GuestLog::new(Arc::clone(&self.log)),
            },
            Outgoing::new(
                self.client.clone(),
                Arc::clone(&self.allowed),
                self.limits.requests,
                requests,
            ),
            Arc::clone(&self.tokens),
            self.known.clone(),
            &self.limits,
            self.memory,
        );
        let mut store = Store::new(&self.pool.engine, state);
        store.limiter(|state| &mut state.memory);
        // What is lifted out of a guest is bounded by the guest's memory.
        store.set_hostcall_fuel(self.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// The limit that stopped the component, or how it broke off.
    fn broken(&self, error: &wasmtime::Error) -> CallError {
        if let Some(stopped) = error.downcast_ref::<Stopped>() {
            return (*stopped).into();
        }
        match error.downcast_ref::<ResourceTableError>() {
            Some(ResourceTableError::Full) => Stopped::Resources(self.limits.resources).into(),
            _ => CallError::Trapped(error.root_cause().to_string()),
        }
    }
}
