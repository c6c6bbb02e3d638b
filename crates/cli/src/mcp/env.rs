//! The effects of a call in the reference host.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use oge_host::{GuestTool, Host, HostBuilder, HostSecrets, StateDirectory};
use oge_mcp_server::access::Access;
use oge_mcp_server::memory::{Memory, Share};
use oge_mcp_server::oge_toolbox::{RunTool, ServerEnv};
use oge_mcp_server::progress::Progress;
use oge_mcp_server::readiness::check_settings;
use oge_mcp_server::result::Limits;
use oge_mcp_server::results::Results;
use oge_mcp_server::trace;
use oge_token::LoginCounts;
use oge_tools::error::{Failure, FailureKind};
use oge_tools::log::{Event, Log};
use oge_tools::secret::{Redactor, Secret};
use oge_tools::settings::{DEFAULT_MAX_REPLY_BYTES, Settings};
use oge_tools::tools::Completed;
use oge_tools::trace::CallId;
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use send_wrapper::SendWrapper;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::settings::LiveSettings;
use crate::log::{observe, set_format, wall_clock, write_event, write_line};
use crate::state;

/// The environment of a call: the settings at its start, the host that runs it, and the memory that it holds.
/// Clones share them.
#[derive(Clone)]
pub(super) struct HostEnv {
    shared: Rc<Shared>,
    loaded: Rc<Loaded>,
    share: Rc<Share>,
    /// `None` outside of a call.
    call: Option<Rc<CallId>>,
}

/// What all calls of this process share.
struct Shared {
    settings: RefCell<LiveSettings>,
    /// Builds a host with the component.
    component: Box<dyn Fn() -> HostBuilder>,
    calls: u32,
    /// The runtime whose threads run the sandboxes.
    sandboxes: Handle,
    memory: Rc<Memory>,
    newest: RefCell<Rc<Loaded>>,
    /// Also those of former settings, because they may still be valid.
    secrets: HostSecrets,
    started: Instant,
}

/// One version of the settings, and its host.
struct Loaded {
    log: Log,
    /// An error is that of the first setting whose value is bad.
    limits: Result<Limits, Failure>,
    /// Built by the first call, or in the background.
    host: OnceCell<Result<Host, Failure>>,
}

impl HostEnv {
    /// Reads the settings, and builds the host in the background. If a setting is bad, each call fails with that
    /// error. Must be called on the server's thread.
    pub(super) fn start(
        settings: LiveSettings,
        component: impl Fn() -> HostBuilder + 'static,
        calls: u32,
        sandboxes: Handle,
    ) -> Self {
        let max_reply_bytes = Settings::read(settings.source())
            .map_or(DEFAULT_MAX_REPLY_BYTES, |settings| settings.max_reply_bytes);
        let memory = Memory::new(max_reply_bytes);
        let secrets = HostSecrets::default();
        let loaded = Rc::new(Loaded::read(&settings, &memory, &secrets));
        set_format(loaded.log.format);
        let shared = Shared {
            settings: RefCell::new(settings),
            component: Box::new(component),
            calls,
            sandboxes,
            memory,
            newest: RefCell::new(Rc::clone(&loaded)),
            secrets,
            started: Instant::now(),
        };
        let share = Share::new(&shared.memory);
        let env = Self { shared: Rc::new(shared), loaded, share, call: None };
        let early = env.clone();
        tokio::spawn(SendWrapper::new(async move { early.host().await.map(drop) }));
        env
    }

    /// Returns the memory that results share.
    pub(super) fn memory(&self) -> &Rc<Memory> {
        &self.shared.memory
    }

    /// Returns what the log shows, and how.
    pub(super) fn log(&self) -> Log {
        self.loaded.log
    }

    /// Reads the settings again if their file has changed. Returns how many times it has.
    pub(super) fn version(&self) -> u32 {
        let Shared { settings, memory, newest, secrets, .. } = &*self.shared;
        if settings.borrow_mut().reload() {
            let loaded = Loaded::read(&settings.borrow(), memory, secrets);
            *newest.borrow_mut() = Rc::new(loaded);
        }
        settings.borrow().version()
    }

    /// Returns the access rules of the newest settings.
    pub(super) fn access(&self) -> Access {
        Access::read(self.shared.settings.borrow().source())
    }

    /// Returns the host of this call's settings.
    async fn host(&self) -> Result<&Host, Failure> {
        let build = async || {
            let builder = self.builder()?;
            let built = self.shared.sandboxes.spawn_blocking(|| builder.build()).await;
            let built = built.map_err(anyhow::Error::from).flatten();
            built.map_err(|error| {
                error.downcast().unwrap_or_else(|error| bad_setting(format!("{error:#}")))
            })
        };
        self.loaded.host.get_or_init(build).await.as_ref().map_err(Clone::clone)
    }

    fn builder(&self) -> Result<HostBuilder, Failure> {
        let settings = self.shared.settings.borrow();
        if let Some(problem) = settings.problem() {
            return Err(bad_setting(problem));
        }
        let builder = state::kept((self.shared.component)(), settings.all());
        // The guest logs everything, since its events are a call's progress. `log` selects what is printed.
        let log = self.loaded.log;
        let write = move |line: &str| {
            write_line(log, line);
        };
        Ok(builder
            .settings(settings.all().clone())
            .settings(Log::EVERYTHING)
            .secrets(self.shared.secrets.clone())
            .calls_at_once(self.shared.calls)
            .log(write))
    }
}

impl Loaded {
    /// Reads the settings, and adds their secrets.
    fn read(settings: &LiveSettings, memory: &Memory, secrets: &HostSecrets) -> Self {
        let get = settings.source();
        secrets.add_settings(&get);
        let checked = Settings::read(&get).and_then(|_| Limits::read(&get, memory.lane_bytes()));
        Self {
            log: Log::read(&get),
            limits: checked.map_err(|fault| fault.into_failure("settings")),
            host: OnceCell::new(),
        }
    }
}

fn bad_setting(problem: impl Into<String>) -> Failure {
    Failure::new(FailureKind::NotConfigured, "settings", problem)
}

impl ServerEnv for HostEnv {
    type Directory = StateDirectory;

    fn for_call(&self, context: &RequestContext<RoleServer>) -> Self {
        self.version();
        let shared = Rc::clone(&self.shared);
        let loaded = Rc::clone(&shared.newest.borrow());
        let share = shared.memory.share_of_call(context);
        let call = Some(Rc::new(CallId::new(trace::of(context), wall_clock())));
        Self { shared, loaded, share, call }
    }

    fn is_ready(&self) -> Result<(), String> {
        self.version();
        let settings = self.shared.settings.borrow();
        if let Some(problem) = settings.problem() {
            return Err(problem.to_owned());
        }
        check_settings(settings.source()).map_err(|fault| fault.into_failure("").message)?;
        // Not built yet is ready: the first call builds it.
        match self.shared.newest.borrow().host.get() {
            Some(Ok(host)) => host.check_token_store(),
            Some(Err(failure)) => Err(failure.message.clone()),
            None => Ok(()),
        }
    }

    async fn hold(&self, bytes: usize) {
        self.share.hold(bytes).await;
    }

    fn limits(&self) -> Limits {
        let default = || Limits::with_memory(self.shared.memory.lane_bytes());
        self.loaded.limits.as_ref().map_or_else(|_| default(), |limits| *limits)
    }

    fn remember(&self, token: Secret) {
        self.shared.secrets.add_caller(token);
    }

    fn redactor(&self) -> Redactor {
        self.shared.secrets.redactor()
    }

    fn now(&self) -> Duration {
        self.shared.started.elapsed()
    }

    fn wall(&self) -> Duration {
        wall_clock()
    }

    fn results(&self) -> Option<Results<StateDirectory>> {
        let path = state::token_file(self.shared.settings.borrow().all()).ok()?;
        Some(Results::beside(StateDirectory::of_token_file(&path), ""))
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.shared.settings.borrow().source()(key)
    }

    async fn sleep(&self, time: Duration) {
        self.share.release();
        sleep(time).await;
    }

    fn login_counts(&self) -> LoginCounts {
        match self.shared.newest.borrow().host.get() {
            Some(Ok(host)) => host.login_counts(),
            _ => LoginCounts::default(),
        }
    }

    fn log_failure(&self, operation: &str, failure: &Failure) {
        let call = self.call.as_ref().map(|call| &*call.id);
        write_event(self.loaded.log, operation, Event::Failed(failure), call);
    }
}

impl<T> RunTool<T> for HostEnv
where
    T: GuestTool + 'static,
    T::Arguments: Send + Sync + 'static,
    T::Output: Send + 'static,
{
    async fn run(
        &self,
        arguments: T::Arguments,
        progress: &Progress,
    ) -> Result<Completed<T::Output>, Failure> {
        let of_this_tool = |failure: Failure| Failure { operation: T::OPERATION, ..failure };
        self.loaded.limits.as_ref().map_err(|failure| of_this_tool(failure.clone()))?;
        let host = self.host().await.map_err(of_this_tool)?.clone();
        let (log, progress) = (self.loaded.log, progress.clone());
        let log = move |line: &str| observe(log, line, &progress);
        let call_id = self
            .call
            .as_ref()
            .map_or_else(|| CallId::new(None, wall_clock()), |call| CallId::clone(call));
        // Dropping the set ends the call.
        let mut call = JoinSet::new();
        let run = async move { host.run_logged::<T>(&arguments, &call_id, log).await };
        call.spawn_on(run, &self.shared.sandboxes);
        match call.join_next().await {
            Some(Ok(result)) => result.map_err(|error| error.into_failure(T::OPERATION)),
            _ => Err(Failure::new(
                FailureKind::BadReply,
                T::OPERATION,
                "the call ended unexpectedly",
            )),
        }
    }
}
