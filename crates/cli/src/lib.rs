//! The command `oge`: the tools on a real or a mock platform.

mod call;
mod check;
mod completions;
mod component;
mod demo;
mod directories;
mod env_file;
mod file;
mod known;
mod log;
mod mcp;
mod mock;
mod output;
mod progress;
mod state;
mod stderr;
mod style;
mod tools;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::style::NotWritten;

/// Exit code: the call or a check failed.
const FAILED: u8 = 1;
/// Exit code: an argument or a setting is wrong, and nothing was sent.
const USAGE: u8 = 2;
/// Exit code: the task had not ended when the time of `--wait` was over.
const NOT_ENDED: u8 = 3;
/// Exit code: Ctrl-C. Shells use the same one.
const INTERRUPTED: u8 = 130;

/// The heading of the options that several commands have.
const COMMON: &str = "Settings and output";

const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    the call or a check failed, or the result could not be written
  2    an argument or a setting is wrong, and nothing was sent
  3    query_task_status --wait: the task has not ended yet
  130  Ctrl-C

Examples:
  oge demo
  oge check
  oge call coverage_aspect_analysis --bbox 114.0,30.4,114.6,30.8
  oge call execute_code_to_dag --code-file my.py --json
  oge call execute_dag_workflow --code @my.py --wait
  oge call query_task_status --dag-id ID --wait 600
  oge call run_big_query --query-file - --output result.json < query.sql";

/// The OGE tools in a sandbox that refreshes an expired token and retries the request once.
#[derive(Debug, Parser)]
#[command(name = "oge", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Call the tools on a mock platform whose token expires twice
    Demo,
    /// Call one of the tools
    Call(Box<call::CallCommand>),
    /// Check the settings, the network, the login and two harmless calls, and say what to fix
    Check(check::Check),
    /// Serve the tools to an AI assistant over standard input and output (MCP)
    Mcp(mcp::McpCommand),
    /// Serve the tools over HTTP (MCP, Streamable HTTP) until Ctrl-C or SIGTERM
    ///
    /// Clients use the URL that is printed, and send OGE_MCP_BEARER as their bearer token. /healthz says whether the
    /// server runs, and /readyz whether it can serve calls.
    Serve(mcp::ServeCommand),
    /// Run a mock platform on loopback until Ctrl-C, and print the settings to use it
    Mock(mock::MockCommand),
    /// Print the completions of a shell
    Completions(completions::Completions),
}

impl Cli {
    /// Runs the command. An error is one sentence on stderr and an exit code.
    async fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Demo => demo::run().await,
            Command::Call(call) => call.run().await,
            Command::Check(check) => check.run().await,
            Command::Mcp(mcp) => mcp.run().await,
            Command::Serve(serve) => serve.run().await,
            Command::Mock(mock) => mock.run().await,
            Command::Completions(completions) => completions.run(Cli::command()),
        };
        result.unwrap_or_else(|error| {
            stderr::print_error(&format!("oge: {error:#}"));
            ExitCode::from(if error.is::<NotWritten>() { FAILED } else { USAGE })
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
            stderr::flush();
            // A thread may still wait for input.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            stderr::print_error(&format!("oge: the command cannot start: {error}"));
            ExitCode::from(FAILED)
        }
    }
}
