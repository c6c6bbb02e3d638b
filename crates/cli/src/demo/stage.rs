//! The mock platform and the host of the demo, and the report of each call.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use oge_host::{GuestTool, Host};
use oge_mock_platform::{Mock, Outcome, Recorded, Route};

use crate::component::embedded;
use crate::mock::outcome;
use crate::style::{FAINT, HANDLED, STRONG, mark, paint, print};

/// How many characters of a result are shown.
const SHOWN_CHARACTERS: usize = 88;

/// A mock platform and a host on it.
pub(crate) struct Stage {
    pub(crate) mock: Mock,
    host: Host,
    log: Arc<Mutex<Vec<String>>>,
    /// The tokens in the order in which they were first seen. Only their numbers are shown.
    tokens: Vec<String>,
    calls: usize,
    /// How many requests are already shown.
    shown: usize,
}

impl Stage {
    /// Builds a host that starts with the token `first` and ignores this machine's environment.
    pub(crate) fn new(mock: Mock, first: &str) -> anyhow::Result<Self> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let host = embedded()
            .settings(mock.settings())
            .settings([("OGE_TOKEN", first)])
            .log(move |line| {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
            })
            .build()?;
        Ok(Self { mock, host, log, tokens: Vec::new(), calls: 0, shown: 0 })
    }

    /// Makes one call, and shows its requests, log and result.
    pub(crate) async fn call<T: GuestTool>(
        &mut self,
        what: &str,
        arguments: &T::Arguments,
    ) -> anyhow::Result<T::Output>
    where
        T::Arguments: Sync,
    {
        self.calls += 1;
        let title = format!("{}. {} {}", self.calls, T::OPERATION, T::NAME);
        print(&format!("\n{}  {}", paint(STRONG, title), paint(FAINT, what)))?;
        let result = self.host.run::<T>(arguments).await;
        for request in self.mock.all_requests().iter().skip(self.shown) {
            self.shown += 1;
            self.show(request)?;
        }
        let lines = std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner));
        for line in lines {
            print(&format!("     {}", paint(FAINT, format_args!("log: {line}"))))?;
        }
        let done = result?;
        let data = serde_json::to_string(&done.output)?;
        let shown: String = data.chars().take(SHOWN_CHARACTERS).collect();
        let more = if shown.len() < data.len() { "…" } else { "" };
        print(&format!("     {}", paint(FAINT, format_args!("{shown}{more}"))))?;
        print(&format!(
            "  {} {}  {:.2} s",
            mark(true),
            T::message(&done.output),
            done.elapsed.as_secs_f64()
        ))?;
        Ok(done.output)
    }

    /// Shows the address of the tiles of a computed map.
    pub(crate) fn show_tiles(&self, map: &str) -> anyhow::Result<()> {
        let map: serde_json::Value = serde_json::from_str(map)?;
        let url = map.pointer("/data/url").and_then(serde_json::Value::as_str);
        let url = url.context("the map has no address")?;
        ensure!(url == self.mock.tiles_url(), "the map should be of Mount Tai, but is at {url}");
        print(&format!("    its tiles: {url}"))
    }

    fn show(&mut self, request: &Recorded) -> anyhow::Result<()> {
        let carried = match request.header("authorization") {
            Some(token) => format!("token #{}", self.number(token)),
            None => "no token".to_owned(),
        };
        let (carried, what) = match (request.route, request.outcome) {
            (Route::Token, Outcome::Accepted) => {
                ("a login".to_owned(), paint(HANDLED, "a new token"))
            }
            (_, result) => (carried, outcome(result)),
        };
        let place = format!("{:<4} {}", request.method.as_str(), request.path);
        print(&format!("     {place:<42} {carried:<9} {what}"))
    }

    fn number(&mut self, token: &str) -> usize {
        let known = self.tokens.iter().position(|seen| seen == token);
        known.unwrap_or_else(|| {
            self.tokens.push(token.to_owned());
            self.tokens.len() - 1
        }) + 1
    }

    /// Shows the totals, and checks that they are the expected ones.
    pub(crate) fn sum_up(&self) -> anyhow::Result<()> {
        let story = self.mock.all_requests();
        let logins = story.iter().filter(|request| request.route == Route::Token).count();
        let expired = story.iter().filter(|request| request.outcome == Outcome::Expired).count();
        let requests = story.len() - logins;
        print(&format!(
            "\n{} {} calls, {requests} requests: the token expired {expired} times, {logins} logins \
             renewed it, {expired} requests\n  were sent again with the new one. What the user \
             noticed: nothing.\n\nThis mock has ended. `oge mock` runs one, whose tiles QGIS and browsers show.",
            mark(true),
            self.calls,
        ))?;
        ensure!(self.calls == 6, "6 calls should have been made, not {}", self.calls);
        ensure!(expired == 2, "the token should have expired twice, not {expired} times");
        ensure!(logins == 2, "2 logins should have renewed it, not {logins}");
        ensure!(requests == 12, "12 requests should have been sent, not {requests}");
        Ok(())
    }
}
