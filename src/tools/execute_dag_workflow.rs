//! `execute_dag_workflow`, DAG批处理工作流: turns code into a DAG task, submits it, and waits for its end if asked to.
//!
//! It runs three tools one after another. What a step did is kept if a later one fails.

mod records;
mod steps;
mod submitted;
#[cfg(test)]
mod tests;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use self::records::Steps;
pub use self::submitted::Submitted;
use super::{
    Completed, ExecuteCodeToDag, Prepared, Run, SubmitBatchTask, Tool, execute_code_to_dag,
    query_task_status, submit_batch_task,
};
use crate::client::{Client, Clock, Transport};
use crate::envelope::seconds;
use crate::error::{Failure, FailureKind, Fault};
use crate::log::Event;
use crate::secret::Secret;
use crate::settings::{MAX_TIMEOUT_SECONDS, Settings};
use crate::token::TokenStore;

/// The default time between two queries of a task's state.
pub const CHECK_INTERVAL_SECONDS: u32 = 15;
/// The longest time between two queries that can be asked for.
const MAX_CHECK_INTERVAL_SECONDS: u32 = 3600;
/// The default of how long to wait for the end of a task.
pub const MAX_WAIT_TIME_SECONDS: u32 = 1800;

/// The tool.
#[derive(Debug)]
pub struct ExecuteDagWorkflow {
    create: ExecuteCodeToDag,
    /// The submission without its `dag_id`. `None` if the DAG task is not submitted.
    submission: Option<submit_batch_task::Arguments>,
    /// `None` if the end of the task is not waited for.
    wait: Option<Wait>,
    auth_token: Option<Secret>,
}

/// How the end of a task is waited for.
#[derive(Clone, Copy, Debug)]
struct Wait {
    interval: Duration,
    time: Duration,
}

/// DAG批处理工作流: turns code into a DAG task, submits it, and waits for its end if asked to
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// OGE Python code
    pub code: String,
    /// The user that runs the code [default: the setting OGE_USER_ID]
    pub user_id: Option<String>,
    /// The name of the sample [default: empty]
    pub sample_name: Option<String>,
    /// The task's name [default: task_ and the time]
    pub task_name: Option<String>,
    /// The result's name [default: file_ and the time]
    pub filename: Option<String>,
    /// The coordinate reference system [default: EPSG:4326]
    pub crs: Option<String>,
    /// In metres [default: 1000]
    pub scale: Option<String>,
    /// The result's format [default: tif]
    pub format: Option<String>,
    /// The user that the task belongs to [default: the setting OGE_USERNAME]
    pub username: Option<String>,
    /// A token of the caller's own
    pub auth_token: Option<Secret>,
    /// Whether to submit the first DAG task [default: true]
    pub auto_submit: Option<bool>,
    /// Whether to wait for the end of the task [default: false]
    pub wait_for_completion: Option<bool>,
    /// The seconds between two queries of the state [default: 15]
    pub check_interval: Option<u32>,
    /// The most seconds to wait [default: 1800]
    pub max_wait_time: Option<u32>,
}

/// Calls `$then!` with every final status: its name in Rust and in MCP. Code with a case for each is generated
/// by such a macro.
#[macro_export]
macro_rules! for_each_final_status {
    ($then:ident) => {
        $then! {
            DagCreated = "dag_created",
            Submitted = "submitted",
            Completed = "completed",
            Failed = "failed",
            Timeout = "timeout",
            FailedAtDagCreation = "failed_at_dag_creation",
            NoDagGenerated = "no_dag_generated",
            FailedAtTaskSubmission = "failed_at_task_submission",
        }
    };
}

macro_rules! final_status {
    ($($status:ident = $name:literal,)*) => {
        /// How far a workflow came. The WIT's `final-status` documents each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
        pub enum FinalStatus {
            $($status,)*
        }

        impl FinalStatus {
            /// Every final status.
            pub const ALL: &[Self] = &[$(Self::$status,)*];

            /// Returns the status as the old server named it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$status => $name,)*
                }
            }
        }
    };
}

for_each_final_status!(final_status);

impl FinalStatus {
    /// Returns whether the workflow did all that it was asked for.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::DagCreated | Self::Submitted | Self::Completed)
    }
}

/// What each step of a workflow did.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Output {
    pub final_status: FinalStatus,
    pub dag_tasks: Option<Completed<execute_code_to_dag::Output>>,
    pub task: Option<Completed<submit_batch_task::Output>>,
    pub status: Option<Completed<query_task_status::Output>>,
    /// `Some` unless [`FinalStatus::is_success`].
    pub failure: Option<Failure>,
    /// The time of the whole call.
    pub elapsed: Duration,
}

impl Output {
    /// Returns the ids of the DAG tasks. The first one is submitted.
    #[must_use]
    pub fn dag_ids(&self) -> &[String] {
        self.dag_tasks.as_ref().map_or(&[], |done| &done.output.dag_ids)
    }

    /// Returns which tool to call with which id to go on, or `None` if nothing is left to do.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        let (dag_id, others) = self.dag_ids().split_first()?;
        let first = match self.final_status {
            FinalStatus::DagCreated => {
                Some(format!("call submit_batch_task with dag_id {dag_id}, and the code as script"))
            }
            FinalStatus::Submitted | FinalStatus::Timeout => Some(format!(
                "the task goes on; call query_task_status with dag_id {dag_id} (wait_seconds waits for its end)"
            )),
            FinalStatus::FailedAtTaskSubmission if self.may_have_been_submitted() => Some(format!(
                "the platform may have taken the task; call query_task_status with dag_id {dag_id}, and \
                 submit_batch_task with it only if there is no such task"
            )),
            FinalStatus::FailedAtTaskSubmission => Some(format!(
                "the DAG task is kept; call submit_batch_task with dag_id {dag_id}, and the code as script"
            )),
            FinalStatus::Completed
            | FinalStatus::Failed
            | FinalStatus::FailedAtDagCreation
            | FinalStatus::NoDagGenerated => None,
        };
        let others = (!others.is_empty()).then(|| {
            "the other dag_ids are not submitted; call submit_batch_task with each".to_owned()
        });
        let steps: Vec<_> = first.into_iter().chain(others).collect();
        (!steps.is_empty()).then(|| steps.join("; "))
    }

    /// Returns whether the platform may have taken the task although its submission failed: a gateway may answer in
    /// its place.
    fn may_have_been_submitted(&self) -> bool {
        use FailureKind::{BadReply, Network, ReplyTooLarge, Timeout};
        self.failure.as_ref().is_some_and(|failure| {
            matches!(failure.kind, Timeout | Network | BadReply | ReplyTooLarge)
                || failure.http_status.is_some_and(|status| status >= 500)
        })
    }

    /// Returns the largest number of requests that a step sent.
    fn attempts(&self) -> u8 {
        let steps = [
            self.dag_tasks.as_ref().map(|done| done.attempts),
            self.task.as_ref().map(|done| done.attempts),
            self.status.as_ref().map(|done| done.attempts),
            self.failure.as_ref().map(|failure| failure.attempts),
        ];
        steps.into_iter().flatten().max().unwrap_or_default()
    }
}

/// Serializes the envelope's `data`. The ids are first, so that even the start of a result has them.
impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Data<'a> {
            final_status: &'a str,
            dag_ids: &'a [String],
            next_step: Option<String>,
            execution_times: ExecutionTimes,
            task_info: Option<&'a submit_batch_task::Output>,
            steps: Steps<'a>,
        }

        #[derive(Serialize)]
        struct ExecutionTimes {
            total: f64,
        }

        let data = Data {
            final_status: self.final_status.as_str(),
            dag_ids: self.dag_ids(),
            next_step: self.next_step(),
            execution_times: ExecutionTimes { total: seconds(self.elapsed) },
            task_info: self.task.as_ref().map(|done| &done.output),
            steps: Steps(self),
        };
        data.serialize(serializer)
    }
}

impl Tool for ExecuteDagWorkflow {
    const NAME: &'static str = "execute_dag_workflow";
    const OPERATION: &'static str = "DAG批处理工作流";
    const ENDPOINT: &'static str = "dag";
    const TIMEOUT_SECONDS: u32 = 300;
    const REQUESTS: u32 = 3;
    type Arguments = Arguments;
    type Output = Output;

    fn prepare(
        arguments: Arguments,
        settings: &Settings,
        now: impl FnOnce() -> Duration,
    ) -> Result<Prepared<Self>, Fault> {
        let submits = arguments.auto_submit.unwrap_or(true);
        let wait = wait(&arguments, submits)?;
        let script = submits.then(|| arguments.code.clone());
        let creation = execute_code_to_dag::Arguments {
            code: arguments.code,
            user_id: arguments.user_id,
            sample_name: arguments.sample_name,
            auth_token: arguments.auth_token.clone(),
        };
        let Prepared { tool: create, request, authorization } =
            ExecuteCodeToDag::prepare(creation, settings, now)?;
        let submission = submit_batch_task::Arguments {
            dag_id: "not known yet".to_owned(),
            task_name: arguments.task_name,
            filename: arguments.filename,
            crs: arguments.crs,
            scale: arguments.scale,
            format: arguments.format,
            username: arguments.username,
            script: None,
            auth_token: arguments.auth_token.clone(),
        };
        if submits {
            // Checked now, so that no DAG is made that cannot be submitted.
            SubmitBatchTask::prepare(submission.clone(), settings, || Duration::ZERO)?;
        }
        let submission = script
            .map(|script| submit_batch_task::Arguments { script: Some(script), ..submission });
        let tool = Self { create, submission, wait, auth_token: arguments.auth_token };
        Ok(Prepared { tool, request, authorization })
    }

    fn message(output: &Output) -> String {
        let Some(failure) = &output.failure else {
            let status = output.final_status.as_str();
            return format!("{}成功，最终状态: {status}", Self::OPERATION);
        };
        let why = match output.final_status {
            FinalStatus::FailedAtDagCreation => ExecuteCodeToDag::failure_message(failure),
            FinalStatus::FailedAtTaskSubmission => SubmitBatchTask::failure_message(failure),
            _ => failure.message.clone(),
        };
        let next = output.next_step().map(|next| ["; ", &next].concat()).unwrap_or_default();
        format!("{}失败: {why}{next}", Self::OPERATION)
    }

    fn failure(output: &mut Output) -> Option<&mut Failure> {
        output.failure.as_mut()
    }

    fn waits(arguments: &Arguments) -> Duration {
        let time = wait(arguments, true).ok().flatten().map(|wait| wait.time);
        time.unwrap_or_default()
    }
}

/// Reads how to wait.
fn wait(arguments: &Arguments, submits: bool) -> Result<Option<Wait>, Fault> {
    let interval = in_seconds(
        "check_interval",
        arguments.check_interval.unwrap_or(CHECK_INTERVAL_SECONDS),
        MAX_CHECK_INTERVAL_SECONDS,
    )?;
    let time = in_seconds(
        "max_wait_time",
        arguments.max_wait_time.unwrap_or(MAX_WAIT_TIME_SECONDS),
        MAX_TIMEOUT_SECONDS,
    )?;
    if !arguments.wait_for_completion.unwrap_or(false) {
        return Ok(None);
    }
    if !submits {
        let problem = "is true, but auto_submit is false, so there is no task to wait for; leave one of \
                       them out";
        return Err(Fault::Argument("wait_for_completion", problem.to_owned()));
    }
    Ok(Some(Wait { interval, time }))
}

fn in_seconds(name: &'static str, seconds: u32, max: u32) -> Result<Duration, Fault> {
    if !(1..=max).contains(&seconds) {
        let problem =
            format!("must be a whole number of seconds from 1 to {max}; it was {seconds}");
        return Err(Fault::Argument(name, problem));
    }
    Ok(Duration::from_secs(seconds.into()))
}

impl Run for ExecuteDagWorkflow {
    async fn run<S: Transport, T: TokenStore, C: Clock, O: Fn(&str, Event<'_>)>(
        client: &Client<S, T, C, O>,
        prepared: Prepared<Self>,
    ) -> Result<Completed<Output>, Failure> {
        let started = client.clock.monotonic();
        let mut output = Output {
            final_status: FinalStatus::FailedAtDagCreation,
            dag_tasks: None,
            task: None,
            status: None,
            failure: None,
            elapsed: Duration::ZERO,
        };
        if let Err(failure) = steps::run(client, prepared, &mut output).await {
            output.failure = Some(Failure { operation: Self::OPERATION, ..failure });
        }
        output.elapsed = client.clock.monotonic().saturating_sub(started);
        Ok(Completed { attempts: output.attempts(), elapsed: output.elapsed, output })
    }
}
