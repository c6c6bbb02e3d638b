//! What a call touches, through WASI.

use std::rc::Rc;
use std::time::Duration;

use oge_token_cache::Store;
use oge_token_store::wasi::{Wasi as TokenEffects, from_settings};
use oge_tools::error::Fault;
use oge_tools::log::Event;
use oge_tools::settings::Settings;
use oge_tools::token::{Token, TokenError, Tokens};
use oge_tools::wasi::clock::WasiClock;
use oge_tools::wasi::http::Http;
use oge_tools::wasi::wait::{Deadline, Wait as _};
use oge_tools::wasi::{settings, stderr};
use send_wrapper::SendWrapper;

use super::reactor::Reactor;
use crate::oge::Outside;

/// The world of this instance: its settings, read once, and its one token. Clones share them.
#[derive(Clone, Debug)]
pub struct Wasi(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    reactor: Reactor,
    settings: Result<Settings, Fault>,
    tokens: Result<Store<TokenEffects<Reactor>>, TokenError>,
}

impl Wasi {
    /// Reads the settings. What is wrong with them is told to each call.
    #[must_use]
    pub fn from_settings(reactor: Reactor) -> Self {
        let tokens = from_settings(reactor.clone());
        Self(Rc::new(Inner { reactor, settings: settings::settings(), tokens }))
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
        tokio::spawn(task).await.unwrap_or_else(broken)
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
    type Sender = Http<Reactor>;
    type Tokens = Self;
    type Clock = WasiClock;

    fn settings(&self) -> Result<Settings, Fault> {
        self.0.settings.clone()
    }

    fn sender(&self, settings: &Settings) -> Http<Reactor> {
        Http { wait: self.0.reactor.clone(), max_reply_bytes: settings.max_reply_bytes }
    }

    fn tokens(&self) -> Self {
        self.clone()
    }

    fn clock(&self) -> WasiClock {
        WasiClock
    }

    async fn sleep(&self, time: Duration) {
        self.0.reactor.until(&Deadline::after(time)).await;
    }

    fn log(&self, operation: &str, event: Event<'_>) {
        let level = self.0.settings.as_ref().map_or_else(|_| settings::log_level(), |set| set.log);
        stderr::write(level, operation, event);
    }
}
