//! The component's exports: a command that serves stdio, and a handler that serves HTTP.

use std::cell::OnceCell;

use oge_token_store::wasi::settings;
use oge_tools::settings::Settings;
use tokio::runtime::Runtime;
use wasip2::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};

use super::bindings::Component;
use super::bindings::exports::wasi::cli::run::Guest as Command;
use super::bindings::exports::wasi::http::incoming_handler::Guest as Handler;
use super::http::Service;
use super::outside::Wasi;
use super::reactor::Reactor;
use super::{runtime, stdio};
use crate::access::Access;
use crate::oge::{Oge, Outside as _};
use crate::server::Server;

/// A reactor with room for the replies that the settings allow; where they are bad no reply is read.
fn reactor() -> Reactor {
    Settings::read(settings::source())
        .map_or_else(|_| Reactor::default(), |set| Reactor::new(set.max_reply_bytes))
}

impl Command for Component {
    fn run() -> Result<(), ()> {
        let reactor = reactor();
        let world = Wasi::from_settings(reactor.clone());
        // Each call says it again; here it is seen before the first.
        if let Err(fault) = world.settings() {
            eprintln!("oge-mcp: {}", fault.into_failure("").message);
        }
        let server = Server::new(Oge::new(world));
        let serve = |runtime: Runtime| runtime.block_on(stdio::serve(server, reactor));
        runtime().map_err(|error| error.to_string()).and_then(serve).map_err(|why| {
            eprintln!("oge-mcp: {why}");
        })
    }
}

thread_local! {
    /// For all requests of this instance, where its host gives it more than one: the token lives here.
    static HTTP: OnceCell<(Runtime, Service<Oge<Wasi>>)> = const { OnceCell::new() };
}

impl Handler for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        HTTP.with(|http| {
            if http.get().is_none()
                && let Ok(runtime) = runtime()
            {
                let reactor = reactor();
                let server = Server::new(Oge::new(Wasi::from_settings(reactor.clone())));
                let access = Access::read(settings::source());
                let service = Service::new(server, access, reactor);
                // Empty, as seen above.
                let _ = http.set((runtime, service));
            }
            match http.get() {
                Some((runtime, service)) => runtime.block_on(service.serve(request, out)),
                None => ResponseOutparam::set(out, Err(ErrorCode::InternalError(None))),
            }
        });
    }
}
