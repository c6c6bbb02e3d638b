//! An HTTP handler that asks the tools for a task's state for each request. Responds with 200 and the state
//! or with 502 and the failure. `wasmtime serve` runs HTTP handlers only, so the tests need one.

#![no_std]
#![cfg(target_family = "wasm")]

extern crate alloc;

use oge_guest_rt as _;

/// The bindings of the import. Those of the handler come from the `wasip2` crate.
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

    /// The HTTP handler.
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
        // A write fails if the client has disconnected, which is no error.
        if let Ok(stream) = body.write() {
            let _ = stream.blocking_write_and_flush(text.as_bytes());
        }
        let _ = OutgoingBody::finish(body, None);
    }
}
