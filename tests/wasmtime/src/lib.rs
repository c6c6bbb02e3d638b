//! The `wasmtime` command line: its own `run`, `serve` and `compile`, from the crate that the real
//! one is made of. Part of this workspace, it shares the one compile of wasmtime with the host.

use std::ffi::OsString;

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

/// Does what a command line says; its first word is the command's own name.
///
/// # Errors
/// As the command has it. A command line that is none ends the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> wasmtime::Result<()> {
    match Wasmtime::parse_from(arguments) {
        Wasmtime::Run(command) => command.execute(),
        Wasmtime::Serve(command) => command.execute(),
        Wasmtime::Compile(command) => command.execute(),
    }
}
