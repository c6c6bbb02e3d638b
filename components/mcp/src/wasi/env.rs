//! The effects of a call, implemented with WASI.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use oge_mcp_server::memory::Share;
use oge_mcp_server::oge_toolbox::{RunTool, ServerEnv};
use oge_mcp_server::progress::Progress;
use oge_mcp_server::readiness::check_settings;
use oge_mcp_server::result::Limits;
use oge_mcp_server::results::Results;
use oge_mcp_server::trace;
use oge_token::{LoginCounts, Store};
use oge_token_store::wasi::{OpenedDirectory, TokenStores, WasiEffects, from_settings, settings};
use oge_tools::client::{Client, Clock};
use oge_tools::error::{Failure, Fault};
use oge_tools::log::{Event, Log};
use oge_tools::secret::{KnownSecrets, Redactor, Secret};
use oge_tools::settings::Settings;
use oge_tools::token::{Token, TokenError, TokenStore};
use oge_tools::tools::{Completed, Run};
use oge_tools::trace::CallId;
use oge_tools::wasi::clock::WasiClock;
use oge_tools::wasi::http::Http;
use oge_tools::wasi::stderr;
use oge_tools::wasi::wait::{Deadline, Wait as _};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use send_wrapper::SendWrapper;

use super::reactor::{Reactor, Sharing};

/// The environment of a call: the settings at its start, the token store of the instance, and the memory
/// that the call holds. Clones share them.
#[derive(Clone, Debug)]
pub struct WasiEnv {
    inner: Rc<Inner>,
    share: Rc<Share>,
    call: Option<Rc<CallId>>,
    /// The settings and the token store of the next call.
    newest: Rc<RefCell<Rc<Inner>>>,
    stores: Rc<RefCell<TokenStores<Rc<TokenStoreOf>>>>,
}

type TokenStoreOf = Store<WasiEffects<Reactor>>;

#[derive(Debug)]
struct Inner {
    /// The version of the settings file.
    version: u32,
    reactor: Reactor,
    known: Rc<RefCell<KnownSecrets>>,
    settings: Result<Settings, Fault>,
    limits: Limits,
    tokens: Result<Rc<TokenStoreOf>, TokenError>,
}

impl Inner {
    /// Reads the settings. Keeps the secrets that were known before, because they may still be valid.
    fn read(
        reactor: Reactor,
        known: Rc<RefCell<KnownSecrets>>,
        stores: &mut TokenStores<Rc<TokenStoreOf>>,
    ) -> Self {
        let version = settings::version();
        let start = || from_settings(reactor.clone()).map(Rc::new);
        let tokens = stores.newest(start).map(Rc::clone);
        let memory = reactor.memory.lane_bytes();
        let default = Limits::with_memory(memory);
        let limits = Limits::read(settings::source(), memory);
        let (settings, limits) = match (Settings::read(settings::source()), limits) {
            (Ok(settings), Ok(limits)) => (Ok(settings), limits),
            (Err(fault), limits) => (Err(fault), limits.unwrap_or(default)),
            (_, Err(fault)) => (Err(fault), default),
        };
        known.borrow_mut().add_settings(settings::source());
        Self { version, reactor, known, settings, limits, tokens }
    }
}

impl WasiEnv {
    /// Reads the settings. If one is bad, each call fails with that error.
    #[must_use]
    pub fn from_settings(reactor: Reactor) -> Self {
        let share = Share::new(&reactor.memory);
        let mut stores = TokenStores::new();
        let inner = Rc::new(Inner::read(reactor, Rc::default(), &mut stores));
        let newest = Rc::new(RefCell::new(Rc::clone(&inner)));
        let stores = Rc::new(RefCell::new(stores));
        Self { inner, share, call: None, newest, stores }
    }

    /// Returns the settings and the token store for a new call. Reads the settings again if the file has
    /// changed, so that a corrected password is used at once.
    fn newest(&self) -> Rc<Inner> {
        let mut newest = self.newest.borrow_mut();
        if newest.version != settings::version() {
            let known = Rc::clone(&newest.known);
            let mut stores = self.stores.borrow_mut();
            *newest = Rc::new(Inner::read(newest.reactor.clone(), known, &mut stores));
        }
        Rc::clone(&newest)
    }

    /// Calls the token store in a separate task, so that dropping this future does not end a login that
    /// other callers wait for.
    async fn ask<F: AsyncFnOnce(&TokenStoreOf) -> Result<Token, TokenError> + 'static>(
        &self,
        operation: F,
    ) -> Result<Token, TokenError> {
        let this = Rc::clone(&self.inner);
        let task = SendWrapper::new(async move {
            operation(this.tokens.as_ref().map_err(Clone::clone)?).await
        });
        let ended = |_| Err(TokenError::Unavailable("the login ended unexpectedly".to_owned()));
        let token = tokio::spawn(task).await.unwrap_or_else(ended)?;
        self.inner.known.borrow_mut().add(&token);
        Ok(token)
    }
}

impl TokenStore for WasiEnv {
    async fn get(&self) -> Result<Token, TokenError> {
        self.ask(async |store| store.get().await).await
    }

    async fn peek(&self) -> Option<Token> {
        self.inner.tokens.as_ref().ok()?.peek()
    }

    async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.ask(async move |store| store.refresh(stale).await).await
    }
}

impl Clock for WasiEnv {
    fn monotonic(&self) -> Duration {
        WasiClock.monotonic()
    }

    fn wall(&self) -> Duration {
        WasiClock.wall()
    }

    async fn sleep(&self, time: Duration) {
        self.share.release();
        self.inner.reactor.until(&Deadline::after(time)).await;
    }
}

impl ServerEnv for WasiEnv {
    type Directory = OpenedDirectory;

    fn for_call(&self, context: &RequestContext<RoleServer>) -> Self {
        let inner = self.newest();
        let share = inner.reactor.memory.share_of_call(context);
        let (newest, stores) = (Rc::clone(&self.newest), Rc::clone(&self.stores));
        let call = Some(Rc::new(CallId::new(trace::of(context), WasiClock.wall())));
        Self { inner, share, call, newest, stores }
    }

    fn is_ready(&self) -> Result<(), String> {
        check_settings(settings::source()).map_err(|fault| fault.into_failure("").message)?;
        match &self.newest().tokens {
            Ok(tokens) => tokens.check_file(),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn hold(&self, bytes: usize) {
        self.share.hold(bytes).await;
    }

    fn limits(&self) -> Limits {
        self.inner.limits
    }

    fn remember(&self, token: Secret) {
        self.inner.known.borrow_mut().add_caller(token);
    }

    fn redactor(&self) -> Redactor {
        self.inner.known.borrow().redactor()
    }

    fn now(&self) -> Duration {
        self.monotonic()
    }

    fn wall(&self) -> Duration {
        WasiClock.wall()
    }

    fn results(&self) -> Option<Results<OpenedDirectory>> {
        let path = settings::source()("OGE_TOKEN_FILE")?;
        let (directory, name) = OpenedDirectory::find(path.trim()).ok()?;
        Some(Results::beside(directory, &name))
    }

    fn setting(&self, key: &str) -> Option<String> {
        settings::source()(key)
    }

    async fn sleep(&self, time: Duration) {
        Clock::sleep(self, time).await;
    }

    fn login_counts(&self) -> LoginCounts {
        self.newest()
            .tokens
            .as_ref()
            .map_or_else(|_| LoginCounts::default(), |tokens| tokens.login_counts())
    }

    fn log_failure(&self, operation: &str, failure: &Failure) {
        self.log(operation, Event::Failed(failure));
    }
}

impl<T: Run> RunTool<T> for WasiEnv {
    async fn run(
        &self,
        arguments: T::Arguments,
        progress: &Progress,
    ) -> Result<Completed<T::Output>, Failure> {
        let settings =
            self.inner.settings.clone().map_err(|fault| fault.into_failure(T::OPERATION))?;
        let wait = Sharing { reactor: self.inner.reactor.clone(), share: Rc::clone(&self.share) };
        let client = Client {
            transport: Http { wait, max_reply_bytes: settings.max_reply_bytes },
            token_store: self.clone(),
            clock: self.clone(),
            observe: self.observer(progress),
            redactor: self.redactor(),
            trace: self.call.as_ref().and_then(|call| call.trace.clone()),
            settings,
        };
        client.run::<T>(arguments).await
    }
}

impl WasiEnv {
    /// Returns the observer of a call. It has one type for all tools, so that `Client` is compiled once.
    fn observer(&self, progress: &Progress) -> impl Fn(&str, Event<'_>) {
        |operation, event| {
            // The toolbox logs every failure once, whatever its source.
            if !matches!(event, Event::Failed(_)) {
                let mut text = String::new();
                let event = event.redacted(|| self.redactor(), &mut text);
                self.log(operation, event);
                progress.tell(event);
            }
        }
    }

    fn log(&self, operation: &str, event: Event<'_>) {
        let log = match &self.inner.settings {
            Ok(settings) => settings.log,
            Err(_) => Log::read(settings::source()),
        };
        stderr::write(log, operation, event, self.call.as_ref().map(|call| &*call.id));
    }
}
