//! The component's exports: WIT values in, one call of the core, WIT values out.

#[cfg(not(feature = "wassette"))]
mod api;
#[cfg(not(feature = "wassette"))]
mod auth;
mod to_wit;
mod tools;

use super::clock::WasiClock;
use super::http::Http;
use super::token_store::WitTokenStore;
use super::wait::Blocking;
use super::{settings, stderr};
use crate::client::{Client, Clock as _};
use crate::error::Failure;
use crate::log::{Event, Log};
use crate::settings::Settings;
use crate::trace::CallId;

/// Reads the settings. If one is bad, that is the failure of `operation`.
fn read_settings(operation: &'static str) -> Result<Settings, Failure> {
    settings::settings().map_err(|fault| {
        let failure = fault.into_failure(operation);
        let log = Log::read(settings::source());
        stderr::write(log, operation, Event::Failed(&failure), None);
        failure
    })
}

/// Returns the client of the platform that the settings name.
fn client(
    settings: Settings,
) -> Client<Http<Blocking>, WitTokenStore, WasiClock, impl Fn(&str, Event<'_>)> {
    let log = settings.log;
    let CallId { trace, id } = CallId::read(settings::source(), WasiClock.wall());
    Client {
        transport: Http { wait: Blocking, max_reply_bytes: settings.max_reply_bytes },
        token_store: WitTokenStore,
        clock: WasiClock,
        redactor: crate::secret::Redactor::default(),
        observe: move |operation: &str, event: Event<'_>| {
            stderr::write(log, operation, event, Some(&id));
        },
        settings,
        trace,
    }
}
