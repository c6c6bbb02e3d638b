//! The project's MCP server with the tools that the official conformance suite calls, to test the server's
//! protocol code under `wasmtime serve`.

#![cfg(target_family = "wasm")]

mod toolbox;

use oge_mcp::wasi::http::Service;
use oge_mcp::wasi::reactor::Reactor;
use oge_mcp::wasi::runtime;
use oge_mcp_server::access::Access;
use oge_mcp_server::server::Server;
use oge_tools::wasi::settings;
use toolbox::Fixtures;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};

mod bindings {
    wasip2::http::proxy::export!(Handler with_types_in wasip2);

    /// The HTTP handler.
    pub(super) struct Handler;
}

impl Guest for bindings::Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let access = Access::read(settings::source());
        let service = Service::new(Server::new(Fixtures::new()), access, Reactor::default());
        match runtime() {
            Ok(runtime) => runtime.block_on(service.serve(request, out)),
            Err(_) => ResponseOutparam::set(out, Err(ErrorCode::InternalError(None))),
        }
    }
}
