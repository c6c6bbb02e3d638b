//! The `run`, `serve` and `compile` of the `wasmtime` command line, from wasmtime's own crate. As a part of
//! this workspace it shares the compiled wasmtime with the host.

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

/// Runs a command line. Its first word is the command's name. Exits the process if it cannot be parsed.
///
/// # Errors
/// The command's error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> wasmtime::Result<()> {
    match Wasmtime::parse_from(arguments) {
        Wasmtime::Run(command) => command.execute(),
        Wasmtime::Serve(command) => command.execute(),
        Wasmtime::Compile(command) => command.execute(),
    }
}
