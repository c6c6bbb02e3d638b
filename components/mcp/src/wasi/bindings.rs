//! The bindings that `wit-bindgen` generates from `wit/`. WASI's bindings come from the `wasip2` crate.

#![expect(unsafe_code, reason = "generated; lifting and lowering the canonical ABI")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "oge-mcp",
    with: {
        "wasi:cli/environment@0.2.4": wasip2::cli::environment,
        "wasi:cli/stderr@0.2.4": wasip2::cli::stderr,
        "wasi:cli/stdin@0.2.4": wasip2::cli::stdin,
        "wasi:cli/stdout@0.2.4": wasip2::cli::stdout,
        "wasi:clocks/monotonic-clock@0.2.4": wasip2::clocks::monotonic_clock,
        "wasi:clocks/wall-clock@0.2.4": wasip2::clocks::wall_clock,
        "wasi:filesystem/preopens@0.2.4": wasip2::filesystem::preopens,
        "wasi:filesystem/types@0.2.4": wasip2::filesystem::types,
        "wasi:http/outgoing-handler@0.2.4": wasip2::http::outgoing_handler,
        "wasi:http/types@0.2.4": wasip2::http::types,
        "wasi:io/error@0.2.4": wasip2::io::error,
        "wasi:io/poll@0.2.4": wasip2::io::poll,
        "wasi:io/streams@0.2.4": wasip2::io::streams,
    },
});

export!(Component with_types_in self);

/// The component's exports; `exports.rs` implements them.
pub(super) struct Component;
