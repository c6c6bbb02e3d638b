//! An HTTP handler in front of the tools: asks for a task's state for each request, and answers 200
//! with the state or 502 with the failure. `wasmtime serve` runs handlers and nothing else, so this
//! is how the tools and their token store are tried there.

#![no_std]
#![cfg(target_family = "wasm")]

extern crate alloc;

use oge_guest_rt as _;

/// What `wit-bindgen` makes of the import; the handler's part comes from the `wasip2` crate.
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package oge:gateway;
            world gateway {
                import oge:tools/tools@0.1.0;
            }
        ",
        generate_all,
    });

    wasip2::http::proxy::export!(Gateway with_types_in wasip2);

    /// The handler.
    pub(super) struct Gateway;
}

use alloc::string::String;

use bindings::Gateway;
use bindings::oge::tools::tools::query_task_status;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

impl Guest for Gateway {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let (status, text): (u16, String) = match query_task_status("d", None) {
            Ok(task) => (200, task.status),
            Err(failure) => (502, failure.message),
        };
        let response = OutgoingResponse::new(Fields::new());
        let (Ok(()), Ok(body)) = (response.set_status_code(status), response.body()) else {
            return;
        };
        ResponseOutparam::set(out, Ok(response));
        // A caller that has gone away needs no answer.
        if let Ok(stream) = body.write() {
            let _ = stream.blocking_write_and_flush(text.as_bytes());
        }
        let _ = OutgoingBody::finish(body, None);
    }
}
