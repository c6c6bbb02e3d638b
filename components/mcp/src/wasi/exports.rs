//! The component's exports: a command that serves stdio, and a handler that serves HTTP.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use oge_token_store::wasi::{LoginLocks as _, settings};
use oge_tools::settings::Settings;
use tokio::runtime::Runtime;
use wasip2::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};

use oge_mcp_server::access::Access;
use oge_mcp_server::oge_toolbox::OgeToolbox;
use oge_mcp_server::server::Server;
use oge_mcp_server::stdio;

use super::bindings::Component;
use super::bindings::exports::wasi::cli::run::Guest as Command;
use super::bindings::exports::wasi::http::incoming_handler::Guest as Handler;
use super::console::WasiConsole;
use super::env::WasiEnv;
use super::http::Service;
use super::reactor::Reactor;
use super::runtime;

/// Returns a reactor with memory for the responses that the settings allow. With bad settings no response
/// is read.
fn reactor() -> Reactor {
    Settings::read(settings::source())
        .map_or_else(|_| Reactor::default(), |set| Reactor::new(set.max_reply_bytes))
}

impl Command for Component {
    fn run() -> Result<(), ()> {
        let reactor = reactor();
        let env = WasiEnv::from_settings(reactor.clone());
        // Each call reports it too, but this is printed before the first call.
        if let Err(fault) = Settings::read(settings::source()) {
            eprintln!("oge-mcp: {}", fault.into_failure("").message);
        }
        let server = Server::new(OgeToolbox::new(env));
        let memory = Rc::clone(&reactor.memory);
        let console = WasiConsole(reactor);
        let serve = |runtime: Runtime| runtime.block_on(stdio::serve(server, console, &memory));
        runtime().map_err(|error| error.to_string()).and_then(serve).map_err(|why| {
            eprintln!("oge-mcp: {why}");
        })
    }
}

thread_local! {
    /// The state of all requests of this instance, including the token: a host may send it more than one.
    static HTTP: OnceCell<Http> = const { OnceCell::new() };
}

struct Http {
    service: Service<OgeToolbox<WasiEnv>>,
    reactor: Reactor,
    /// The version of the settings file that the access rules were read from.
    version: Cell<u32>,
}

impl Http {
    fn start() -> Self {
        let reactor = reactor();
        let server = Server::new(OgeToolbox::new(WasiEnv::from_settings(reactor.clone())));
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
            // One runtime per request, so that the work for a client that has disconnected ends with it. A
            // login in flight is finished first.
            match runtime() {
                Ok(runtime) => runtime.block_on(async {
                    service.serve(request, out).await;
                    drop(reactor.lock_login().await);
                }),
                Err(_) => ResponseOutparam::set(out, Err(ErrorCode::InternalError(None))),
            }
        });
    }
}
