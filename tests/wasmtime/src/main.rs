//! The `wasmtime` command line: its own `run`, `serve` and `compile`, from the crate that the real
//! one is made of. A binary of this workspace, it shares the one compile of wasmtime with the host.

use clap::Parser;
use wasmtime_cli::commands::{CompileCommand, RunCommand, ServeCommand};

#[derive(Parser)]
#[command(name = "wasmtime", version)]
enum Wasmtime {
    /// Runs a component.
    Run(RunCommand),
    /// Serves HTTP from a component.
    Serve(ServeCommand),
    /// Compiles a component ahead of time.
    Compile(CompileCommand),
}

fn main() -> wasmtime::Result<()> {
    match Wasmtime::parse() {
        Wasmtime::Run(command) => command.execute(),
        Wasmtime::Serve(command) => command.execute(),
        Wasmtime::Compile(command) => command.execute(),
    }
}
