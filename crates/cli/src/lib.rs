//! The command `oge`: the five tools on a real or a mock platform.

mod call;
mod check;
mod component;
mod demo;
mod env_file;
mod known;
mod mcp;
mod mock;
mod progress;
mod state;
mod style;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code: the call or a check failed.
const FAILED: u8 = 1;
/// Exit code: an argument or a setting is wrong, and nothing was sent.
const USAGE: u8 = 2;

/// The OGE tools in a sandbox that refreshes an expired token and retries the request once.
#[derive(Debug, Parser)]
#[command(name = "oge", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Call the five tools on a mock platform whose token expires twice.
    Demo,
    /// Call one of the five tools.
    Call(Box<call::CallCommand>),
    /// Check the settings, the names, the login and one harmless call, and say what to fix.
    Check(check::Check),
    /// Serve the tools to an AI assistant over standard input and output (MCP).
    Mcp(mcp::McpCommand),
    /// Serve the tools over HTTP (MCP, Streamable HTTP) until Ctrl-C or SIGTERM.
    Serve(mcp::ServeCommand),
    /// Run a mock platform on loopback until Ctrl-C, and print the settings to use it.
    Mock(mock::MockCommand),
}

impl Cli {
    /// Runs the command. An error is one sentence on stderr and exit code 2.
    async fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Demo => demo::run().await,
            Command::Call(call) => call.run().await,
            Command::Check(check) => check.run().await,
            Command::Mcp(mcp) => mcp.run().await,
            Command::Serve(serve) => serve.run().await,
            Command::Mock(mock) => mock.run().await,
        };
        result.unwrap_or_else(|error| {
            style::print_error(&format!("oge: {error:#}"));
            ExitCode::from(USAGE)
        })
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let command = Cli::parse();
    // Fails if the process may open no more files.
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(command.run());
            // A thread may still wait for input.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            style::print_error(&format!("oge: the command cannot start: {error}"));
            ExitCode::from(FAILED)
        }
    }
}
