//! The bindings that `wit-bindgen` generates from `wit/`. WASI's bindings come from the `wasip2` crate.
//!
//! Two worlds export the same functions: one in interfaces, one at its root. `tools` and `types`
//! are those of the world that is built.

#![expect(unsafe_code, reason = "generated code of the canonical ABI")]
#![cfg_attr(
    feature = "wassette",
    expect(clippy::too_many_arguments, reason = "the WIT has so many")
)]

#[cfg(not(feature = "wassette"))]
wit_bindgen::generate!({
    path: "wit",
    world: "oge-tools",
    with: {
        "wasi:cli/environment@0.2.4": wasip2::cli::environment,
        "wasi:cli/stderr@0.2.4": wasip2::cli::stderr,
        "wasi:clocks/monotonic-clock@0.2.4": wasip2::clocks::monotonic_clock,
        "wasi:clocks/wall-clock@0.2.4": wasip2::clocks::wall_clock,
        "wasi:http/outgoing-handler@0.2.4": wasip2::http::outgoing_handler,
        "wasi:http/types@0.2.4": wasip2::http::types,
        "wasi:io/error@0.2.4": wasip2::io::error,
        "wasi:io/poll@0.2.4": wasip2::io::poll,
        "wasi:io/streams@0.2.4": wasip2::io::streams,
    },
});

#[cfg(feature = "wassette")]
wit_bindgen::generate!({
    path: "wit",
    world: "oge-tools-wassette",
    with: {
        "wasi:cli/stderr@0.2.4": wasip2::cli::stderr,
        "wasi:clocks/monotonic-clock@0.2.4": wasip2::clocks::monotonic_clock,
        "wasi:clocks/wall-clock@0.2.4": wasip2::clocks::wall_clock,
        "wasi:config/store@0.2.0-rc.1": crate::wasi::config::store,
        "wasi:http/outgoing-handler@0.2.4": wasip2::http::outgoing_handler,
        "wasi:http/types@0.2.4": wasip2::http::types,
        "wasi:io/error@0.2.4": wasip2::io::error,
        "wasi:io/poll@0.2.4": wasip2::io::poll,
        "wasi:io/streams@0.2.4": wasip2::io::streams,
    },
});

export!(Component with_types_in self);

#[cfg(not(feature = "wassette"))]
pub(super) use self::exports::oge::tools::{api, auth, tools, types};
#[cfg(feature = "wassette")]
pub(super) use self::{self as tools, oge::tools::types};

/// The component. `exports.rs` implements its exports.
pub(super) struct Component;
