//! `oge call`: calls one tool on the platform that the settings name.

use std::process::ExitCode;

use clap::Args;
use oge_host::{CallError, GuestTool, Host};
use oge_tools::envelope::Envelope;
use oge_tools::error::{Failure, FailureKind};
use oge_tools::json;
use oge_tools::log::escape_control;
use oge_tools::tools::Completed;

use crate::component::ComponentFile;
use crate::env_file::EnvFile;
use crate::progress::Progress;
use crate::state;
use crate::style::{FAINT, HANDLED, mark, paint, print};
use crate::tools::ToolCommand;
use crate::{FAILED, USAGE};

/// Call one of the five tools.
#[derive(Debug, Args)]
pub(crate) struct CallCommand {
    #[command(flatten)]
    env_file: EnvFile,
    #[command(flatten)]
    component: ComponentFile,
    /// Print the result envelope, one line of JSON, and nothing else on stdout.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    tool: ToolCommand,
}

impl CallCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let progress = Progress::start("waiting for OGE");
        let log = progress.clone();
        let settings = self.env_file.read()?;
        let host = state::kept(self.component.host()?, &settings)
            .settings(settings)
            .log(move |line| log.log(line))
            .calls_at_once(1)
            .build();
        let call = Pending { host, progress, json: self.json };
        self.tool.run(call).await
    }
}

/// A call whose tool is not dispatched yet.
pub(crate) struct Pending {
    host: anyhow::Result<Host>,
    progress: Progress,
    json: bool,
}

impl Pending {
    pub(crate) async fn run<T: GuestTool>(
        self,
        arguments: &T::Arguments,
    ) -> anyhow::Result<ExitCode>
    where
        T::Arguments: Sync,
        T::Output: Clone,
    {
        let result = match self.host {
            Ok(host) => host.run::<T>(arguments).await,
            Err(error) => Err(CallError::Failure(bad_setting(error, T::OPERATION)?)),
        };
        self.progress.end();
        let failure = match result {
            Ok(done) if self.json => {
                print(&Envelope::of::<T>(Ok(done)).to_json())?;
                return Ok(ExitCode::SUCCESS);
            }
            Ok(done) => {
                show::<T>(&done)?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(CallError::Failure(failure)) => failure,
            // A stopped component has no failure kind, and the envelope shows none.
            Err(error) => Failure::new(FailureKind::BadReply, T::OPERATION, error.to_string()),
        };
        if self.json {
            print(&Envelope::<T::Output>::of::<T>(Err(&failure)).to_json())?;
        } else {
            print(&format!("{} {}", mark(false), escape_control(&T::failure_message(&failure))))?;
        }
        Ok(match failure.kind {
            FailureKind::InvalidArgument | FailureKind::NotConfigured => USAGE.into(),
            _ => FAILED.into(),
        })
    }
}

/// Converts a bad setting that failed the build of the host to a failure of the call. Returns other errors
/// unchanged.
fn bad_setting(error: anyhow::Error, operation: &'static str) -> anyhow::Result<Failure> {
    error.downcast::<Failure>().map(|failure| Failure { operation, ..failure })
}

fn show<T: GuestTool>(done: &Completed<T::Output>) -> anyhow::Result<()> {
    let seconds = done.elapsed.as_secs_f64();
    let renewed = match done.attempts {
        2 => paint(HANDLED, ", the token had expired and was renewed"),
        _ => String::new(),
    };
    let took = paint(FAINT, format_args!("{seconds:.2} s"));
    print(&format!(
        "{} {} {took}{renewed}",
        mark(true),
        escape_control(&T::message(&done.output))
    ))?;
    // Every tool's result can be serialized.
    if let Ok(data) = serde_json::to_string(&done.output) {
        print(&escape_control(&json::compact(&data)))?;
    }
    Ok(())
}
