//! The command `oge`: the five tools on a real or a mock platform.

mod call;
mod check;
mod component;
mod demo;
mod env_file;
mod known;
mod mock;
mod progress;
mod state;
mod style;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The call failed, or a check did.
const FAILED: u8 = 1;
/// The command or a setting is wrong: nothing was sent.
const USAGE: u8 = 2;

/// The OGE tools, run in a sandbox in which an expired token is a non-event.
#[derive(Debug, Parser)]
#[command(name = "oge", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play one story against a mock platform whose token expires twice on the way.
    Demo,
    /// Call one of the five tools.
    Call(Box<call::Call>),
    /// Check the settings, the names, the login and one harmless call, and say what to fix.
    Check(check::Check),
    /// Run a mock platform on loopback until Ctrl-C, and print the settings to use it.
    Mock(mock::MockCommand),
}

impl Cli {
    /// Runs the command; an error is one sentence on stderr and exit code 2.
    async fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Demo => demo::run().await,
            Command::Call(call) => call.run().await,
            Command::Check(check) => check.run().await,
            Command::Mock(mock) => mock.run().await,
        };
        result.unwrap_or_else(|error| {
            style::print_error(&format!("oge: {error:#}"));
            ExitCode::from(USAGE)
        })
    }
}

fn main() -> ExitCode {
    let command = Cli::parse();
    // Where the process may open no more files, there is none.
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command.run()),
        Err(error) => {
            style::print_error(&format!("oge: it cannot start: {error}"));
            ExitCode::from(FAILED)
        }
    }
}
