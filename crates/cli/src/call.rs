//! `oge call`: calls one tool on the platform that the settings name.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use oge_host::{CallError, GuestTool, Host};
use oge_mcp_server::result::{Limits, measure};
use oge_tools::envelope::Envelope;
use oge_tools::error::{Failure, FailureKind};
use oge_tools::json;
use oge_tools::log::{Log, escape_control};
use oge_tools::pauses::{Pauses, watch};
use oge_tools::settings::Settings;
use oge_tools::tools::{Completed, QueryTaskStatus, query_task_status};
use rmcp::model::CallToolResult;
use tokio::time::{Instant, sleep};

use crate::component::ComponentFile;
use crate::env_file::EnvFile;
use crate::output::OutputFile;
use crate::progress::Progress;
use crate::state;
use crate::stderr::print_error;
use crate::style::{FAINT, HANDLED, mark, paint, print};
use crate::tools::ToolCommand;
use crate::{COMMON, FAILED, INTERRUPTED, NOT_ENDED, USAGE};

/// Call one of the tools
#[derive(Debug, Args)]
pub(crate) struct CallCommand {
    #[command(flatten)]
    env_file: EnvFile,
    #[command(flatten)]
    component: ComponentFile,
    /// Print the result envelope, one line of JSON, and nothing else on stdout
    #[arg(long, global = true, help_heading = COMMON)]
    json: bool,
    /// Write the result to a file: the envelope with --json, else its data
    #[arg(long, value_name = "FILE", global = true, help_heading = COMMON)]
    output: Option<PathBuf>,
    #[command(subcommand)]
    tool: ToolCommand,
}

impl CallCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let progress = Progress::start("waiting for OGE");
        let log = progress.clone();
        let settings = self.env_file.read()?;
        let shown = Log::read(|key| settings.get(key).cloned());
        // The events of a call are its progress. A bad setting is a failure of the call, so it stays.
        let is_good = Settings::read(|key| settings.get(key).cloned()).is_ok();
        let everything = is_good.then_some(Log::EVERYTHING);
        let output = self.output.as_deref().map(OutputFile::open).transpose()?;
        let builder = state::kept(self.component.host()?, &settings)
            .settings(settings)
            .settings(everything.into_iter().flatten())
            .log(move |line| log.log(shown, line))
            .calls_at_once(1);
        let host = match builder.build() {
            Ok(host) => Ok(host),
            // A bad setting is a failure of the call.
            Err(error) => Err(error.downcast::<Failure>()?),
        };
        let changes_something = self.tool.changes_something();
        let call = Pending { host, progress: progress.clone(), json: self.json, output };
        tokio::select! {
            // Polled first, so that Ctrl-C is handled before the first request is sent.
            biased;
            _ = tokio::signal::ctrl_c() => {
                let last = progress.last();
                progress.end();
                print_error(&if changes_something {
                    format!(
                        "oge: interrupted; the platform may have taken the request, so look there before you \
                         send it again; the last event: {last}"
                    )
                } else {
                    "oge: interrupted".to_owned()
                });
                Ok(INTERRUPTED.into())
            }
            result = self.tool.run(call) => result,
        }
    }
}

/// A call whose tool is not dispatched yet.
pub(crate) struct Pending {
    host: Result<Host, Failure>,
    progress: Progress,
    json: bool,
    output: Option<OutputFile>,
}

impl Pending {
    /// Runs a tool once.
    pub(crate) async fn run<T: GuestTool>(
        self,
        arguments: Result<T::Arguments, Failure>,
    ) -> anyhow::Result<ExitCode>
    where
        T::Arguments: Sync,
    {
        let result = match self.ready::<T>(arguments) {
            Ok((host, arguments)) => host.run::<T>(&arguments).await,
            Err(failure) => Err(failure.into()),
        };
        self.end::<T>(result)
    }

    /// Queries a task's state, repeatedly for the time `wait` until the task ends.
    pub(crate) async fn watch(
        self,
        arguments: Result<query_task_status::Arguments, Failure>,
        wait: Duration,
    ) -> anyhow::Result<ExitCode> {
        let result = match self.ready::<QueryTaskStatus>(arguments) {
            Ok((host, arguments)) => watched(host, &arguments, wait, &self.progress).await,
            Err(failure) => Err(failure.into()),
        };
        let has_ended = result.as_ref().is_ok_and(|done| done.output.phase.is_end());
        let code = self.end::<QueryTaskStatus>(result)?;
        let time_is_over = code == ExitCode::SUCCESS && !wait.is_zero() && !has_ended;
        Ok(if time_is_over { NOT_ENDED.into() } else { code })
    }

    /// Returns the host and the arguments if both are good.
    fn ready<T: GuestTool>(
        &self,
        arguments: Result<T::Arguments, Failure>,
    ) -> Result<(&Host, T::Arguments), Failure> {
        let arguments = arguments?;
        let of_tool = |failure: &Failure| Failure { operation: T::OPERATION, ..failure.clone() };
        Ok((self.host.as_ref().map_err(of_tool)?, arguments))
    }

    /// Shows or writes the result.
    fn end<T: GuestTool>(
        self,
        result: Result<Completed<T::Output>, CallError>,
    ) -> anyhow::Result<ExitCode> {
        let Self { progress, json, output, .. } = self;
        progress.end();
        let failure = match result {
            Ok(mut done) => {
                let failed = T::failure(&mut done.output).is_some();
                if json {
                    give(output, &envelope_of::<T>(done)?)?;
                } else {
                    show::<T>(&done, failed, output)?;
                }
                return Ok(if failed { FAILED.into() } else { ExitCode::SUCCESS });
            }
            Err(error) => error.into_failure(T::OPERATION),
        };
        if json {
            give(output, &envelope::<T>(&failure))?;
        } else {
            print(&format!("{} {}", mark(false), escape_control(&T::failure_message(&failure))))?;
        }
        Ok(match failure.kind {
            FailureKind::InvalidArgument | FailureKind::NotConfigured => USAGE.into(),
            _ => FAILED.into(),
        })
    }
}

async fn watched(
    host: &Host,
    arguments: &query_task_status::Arguments,
    wait: Duration,
    progress: &Progress,
) -> Result<Completed<query_task_status::Output>, CallError> {
    let started = Instant::now();
    let query = async || host.run::<QueryTaskStatus>(arguments).await;
    let pause = async |pause, output: &query_task_status::Output, _| {
        progress.show(&format!("任务状态: {}", escape_control(&output.status)));
        sleep(pause).await;
    };
    watch(Pauses::growing(wait), || started.elapsed(), query, pause).await
}

/// Returns the envelope that the MCP server sends for a result, however large.
fn envelope_of<T: GuestTool>(mut done: Completed<T::Output>) -> anyhow::Result<String> {
    if T::failure(&mut done.output).is_none() {
        return Ok(Envelope::of::<T>(Ok(done)).to_json());
    }
    let unlimited = Limits { message: usize::MAX, ..Limits::with_memory(usize::MAX) };
    Ok(text(&measure::<T>(done, unlimited).build()?))
}

/// Returns the envelope that the MCP server sends for a failure.
fn envelope<T: GuestTool>(failure: &Failure) -> String {
    text(&oge_mcp_server::result::failure::<T>(failure))
}

fn text(result: &CallToolResult) -> String {
    let text = result.content.first().and_then(|content| content.as_text());
    text.map(|text| text.text.clone()).unwrap_or_default()
}

/// Writes a result to the file of `--output`, else to standard output.
fn give(output: Option<OutputFile>, result: &str) -> anyhow::Result<()> {
    match output {
        Some(output) => output.write(result),
        None => print(result),
    }
}

fn show<T: GuestTool>(
    done: &Completed<T::Output>,
    failed: bool,
    output: Option<OutputFile>,
) -> anyhow::Result<()> {
    // Every tool's result can be serialized.
    let data = json::compact(&serde_json::to_string(&done.output).unwrap_or_default());
    // Written first, so that a success is shown only if the file has the result.
    let shown = match output {
        Some(output) => output.write(&data).map(|()| None)?,
        None => Some(escape_control(&data)),
    };
    let seconds = done.elapsed.as_secs_f64();
    let renewed = match done.attempts {
        2 => paint(HANDLED, ", the token had expired and was renewed"),
        _ => String::new(),
    };
    let took = paint(FAINT, format_args!("{seconds:.2} s"));
    let message = escape_control(&T::message(&done.output));
    print(&format!("{} {message} {took}{renewed}", mark(!failed)))?;
    shown.map_or(Ok(()), |data| print(&data))
}
