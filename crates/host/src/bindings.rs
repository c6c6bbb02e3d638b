//! The bindings that `bindgen!` generates from `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "oge-tools",
    imports: { "oge:tools/token-store": async | trappable, default: trappable },
    exports: { default: async },
    require_store_data_send: true,
    with: {
        "wasi:cli": wasmtime_wasi::p2::bindings::cli,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "wasi:io": wasmtime_wasi::p2::bindings::io,
    },
});
