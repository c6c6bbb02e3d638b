//! The `wasmtime` command.

fn main() -> wasmtime::Result<()> {
    oge_wasmtime::run(std::env::args_os())
}
