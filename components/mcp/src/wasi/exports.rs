//! The component's exports: a command that serves stdio, and a handler that serves HTTP.

use std::cell::{Cell, OnceCell};

use oge_token_store::wasi::{Turns as _, settings};
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
use crate::oge::{Oge, ServerEnv as _};
use crate::server::Server;

/// A reactor with room for the responses that the settings allow; where they are bad no response is read.
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
    static HTTP: OnceCell<Http> = const { OnceCell::new() };
}

struct Http {
    service: Service<Oge<Wasi>>,
    reactor: Reactor,
    /// The version of the settings file that says who may call.
    version: Cell<u32>,
}

impl Http {
    fn start() -> Self {
        let reactor = reactor();
        let server = Server::new(Oge::new(Wasi::from_settings(reactor.clone())));
        let service = Service::new(server, Access::read(settings::source()), reactor.clone());
        Self { service, reactor, version: Cell::new(settings::version()) }
    }
}

impl Handler for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        HTTP.with(|http| {
            let Http { service, reactor, version } = http.get_or_init(Http::start);
            let now = settings::version();
            if version.replace(now) != now {
                service.admit(Access::read(settings::source()));
            }
            // A runtime for each request: what a client that has left was waiting for ends with it, and is not
            // left to wait for the next request. A login is not cut off.
            match runtime() {
                Ok(runtime) => runtime.block_on(async {
                    service.serve(request, out).await;
                    drop(reactor.turn().await);
                }),
                Err(_) => ResponseOutparam::set(out, Err(ErrorCode::InternalError(None))),
            }
        });
    }
}
