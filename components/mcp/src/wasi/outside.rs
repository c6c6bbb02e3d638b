//! What a call touches, through WASI.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use oge_token_cache::Store;
use oge_token_store::wasi::{Wasi as TokenEffects, from_settings, settings};
use oge_tools::error::Fault;
use oge_tools::log::Event;
use oge_tools::secret::{Known, Redactor, Secret};
use oge_tools::settings::Settings;
use oge_tools::token::{Token, TokenError, Tokens};
use oge_tools::wasi::clock::WasiClock;
use oge_tools::wasi::http::Http;
use oge_tools::wasi::settings::log_level;
use oge_tools::wasi::stderr;
use oge_tools::wasi::wait::{Deadline, Wait as _};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use send_wrapper::SendWrapper;

use super::reactor::{Reactor, Sharing};
use crate::callers::CallerTokens;
use crate::memory::Share;
use crate::oge::Outside;
use crate::result::Limits;

/// The world of this instance: its settings, read once, and its one token. Clones share them, and what the
/// call at hand holds of the memory.
#[derive(Clone, Debug)]
pub struct Wasi(Rc<Inner>, Rc<Share>);

#[derive(Debug)]
struct Inner {
    reactor: Reactor,
    known: RefCell<Known>,
    callers: RefCell<CallerTokens>,
    settings: Result<Settings, Fault>,
    limits: Limits,
    tokens: Result<Store<TokenEffects<Reactor>>, TokenError>,
}

impl Wasi {
    /// Reads the settings. What is wrong with them is told to each call.
    #[must_use]
    pub fn from_settings(reactor: Reactor) -> Self {
        let tokens = from_settings(reactor.clone());
        let memory = reactor.memory.lane_bytes();
        let default = Limits { message: 4 << 20, memory };
        let limits = Limits::read(settings::source(), memory);
        let (settings, limits) = match (Settings::read(settings::source()), limits) {
            (Ok(settings), Ok(limits)) => (Ok(settings), limits),
            (Err(fault), limits) => (Err(fault), limits.unwrap_or(default)),
            (_, Err(fault)) => (Err(fault), default),
        };
        let share = Share::new(&reactor.memory);
        let known = RefCell::new(Known::from_settings(settings::source()));
        let callers = RefCell::default();
        Self(Rc::new(Inner { reactor, known, callers, settings, limits, tokens }), share)
    }

    /// Asks the store as a task of its own: a caller that goes away ends no login that others wait
    /// for.
    async fn ask<
        F: AsyncFnOnce(&Store<TokenEffects<Reactor>>) -> Result<Token, TokenError> + 'static,
    >(
        &self,
        what: F,
    ) -> Result<Token, TokenError> {
        let this = Rc::clone(&self.0);
        let task =
            SendWrapper::new(
                async move { what(this.tokens.as_ref().map_err(Clone::clone)?).await },
            );
        let broken = |_| Err(TokenError::Unavailable("the login broke off".to_owned()));
        let token = tokio::spawn(task).await.unwrap_or_else(broken)?;
        self.0.known.borrow_mut().add(&token);
        Ok(token)
    }
}

impl Tokens for Wasi {
    async fn get(&self) -> Result<Token, TokenError> {
        self.ask(async |store| store.get().await).await
    }

    async fn peek(&self) -> Option<Token> {
        self.0.tokens.as_ref().ok()?.peek()
    }

    async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.ask(async move |store| store.refresh(stale).await).await
    }
}

impl Outside for Wasi {
    type Sender = Http<Sharing>;
    type Tokens = Self;
    type Clock = WasiClock;

    fn for_call(&self, context: &RequestContext<RoleServer>) -> Self {
        let memory = Rc::clone(&self.0.reactor.memory);
        let (id, ended) = (context.id.clone(), context.ct.clone());
        let share = memory.share(&id);
        // The SDK cancels this as it sends the result, and where it drops the call. A result that is being
        // written has taken the share by then.
        tokio::spawn(SendWrapper::new(async move {
            ended.cancelled().await;
            drop(memory.take_share(&id));
        }));
        Self(Rc::clone(&self.0), share)
    }

    async fn hold(&self, bytes: usize) {
        self.1.hold(bytes).await;
    }

    fn limits(&self) -> Limits {
        self.0.limits
    }

    fn settings(&self) -> Result<Settings, Fault> {
        self.0.settings.clone()
    }

    fn sender(&self, settings: &Settings) -> Http<Sharing> {
        let wait = Sharing { reactor: self.0.reactor.clone(), share: Rc::clone(&self.1) };
        Http { wait, max_reply_bytes: settings.max_reply_bytes }
    }

    fn tokens(&self) -> Self {
        self.clone()
    }

    fn remember(&self, token: Secret) {
        self.0.callers.borrow_mut().add(token);
    }

    fn redactor(&self) -> Redactor {
        self.0.callers.borrow().hidden_by(self.0.known.borrow().redactor())
    }

    fn clock(&self) -> WasiClock {
        WasiClock
    }

    async fn sleep(&self, time: Duration) {
        self.1.release();
        self.0.reactor.until(&Deadline::after(time)).await;
    }

    fn log(&self, operation: &str, event: Event<'_>) {
        let level = match &self.0.settings {
            Ok(settings) => settings.log,
            Err(_) => log_level(settings::source()),
        };
        stderr::write(level, operation, event);
    }
}
