//! The command `oge`: the five tools against a real or a fake platform.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    cli::Cli::parse().run().await
}
