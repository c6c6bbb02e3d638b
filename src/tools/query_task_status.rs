//! `query_task_status`, 查询任务状态: returns the state of a task.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;
use core::mem::take;
use core::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Prepared, Read, Tool, check};
use crate::authorization::Authorization;
use crate::client::Accepted;
use crate::error::{Failure, Fault};
use crate::json;
use crate::secret::Secret;
use crate::settings::Settings;

/// The longest state. A longer response is not the state of a task.
const MAX_STATE_BYTES: usize = 4096;

/// The states of the platform and of Apache Livy, which runs its batches.
const STATES: [(Phase, &[&str]); 3] = [
    (Phase::Completed, &["success", "completed", "finished"]),
    (Phase::Failed, &["failed", "error", "dead", "killed", "cancelled", "canceled", "timeout"]),
    (
        Phase::Running,
        &[
            "running",
            "starting",
            "not_started",
            "recovering",
            "idle",
            "busy",
            "shutting_down",
            "submitted",
            "accepted",
            "waiting",
            "pending",
            "queued",
        ],
    ),
];

/// The tool.
#[derive(Debug)]
pub struct QueryTaskStatus {
    dag_id: String,
}

/// 查询任务状态: returns the state of a task
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// The DAG task
    pub dag_id: String,
    /// A token of the caller's own
    pub auth_token: Option<Secret>,
}

/// The state of a task; `status` keeps the platform's spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Output {
    pub dag_id: String,
    pub status: String,
    pub phase: Phase,
    pub raw_response: String,
}

/// What a state means for a caller that waits for the end of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub enum Phase {
    Running,
    Completed,
    Failed,
    Other,
}

impl Phase {
    fn of(status: &str) -> Self {
        let is_one =
            |states: &[&str]| states.iter().any(|state| status.eq_ignore_ascii_case(state));
        STATES.iter().find(|(_, states)| is_one(states)).map_or(Self::Other, |(phase, _)| *phase)
    }

    /// Returns whether the task has ended.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Serializes the envelope's `data`, with the phase as three flags like the old server.
impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Data<'a> {
            dag_id: &'a str,
            status: &'a str,
            is_completed: bool,
            is_running: bool,
            is_failed: bool,
            #[serde(serialize_with = "json_or_text")]
            raw_response: &'a str,
        }

        let data = Data {
            dag_id: &self.dag_id,
            status: &self.status,
            is_completed: self.phase == Phase::Completed,
            is_running: self.phase == Phase::Running,
            is_failed: self.phase == Phase::Failed,
            raw_response: &self.raw_response,
        };
        data.serialize(serializer)
    }
}

impl Tool for QueryTaskStatus {
    const NAME: &'static str = "query_task_status";
    const OPERATION: &'static str = "查询任务状态";
    const ENDPOINT: &'static str = "dag";
    const TIMEOUT_SECONDS: u32 = 30;
    type Arguments = Arguments;
    type Output = Output;

    fn prepare(
        arguments: Arguments,
        settings: &Settings,
        _now: impl FnOnce() -> Duration,
    ) -> Result<Prepared<Self>, Fault> {
        let dag_id =
            check::required("dag_id", arguments.dag_id, "an id that execute_code_to_dag answered")?;
        let authorization = Authorization::caller_or_store(arguments.auth_token.as_ref())?;
        let url = settings.dag_url()?.join("getState").with_query("dagId", &dag_id);
        if url.is_too_long() {
            let problem = "is longer than a URL can carry; it must be an id";
            return Err(Fault::Argument("dag_id", problem.to_owned()));
        }
        Ok(Prepared::get(Self { dag_id }, url, authorization, settings))
    }

    fn message(output: &Output) -> String {
        format!("{}成功，当前状态: {}", Self::OPERATION, output.status)
    }
}

impl Read for QueryTaskStatus {
    fn read(self, mut response: Accepted) -> Result<Output, Failure> {
        let output = Output::read(self.dag_id, take(&mut response.body.text));
        if output.status.len() > MAX_STATE_BYTES {
            response.body.text = output.raw_response;
            let why = "the platform's answer is longer than 4 KiB, which is no state of a task";
            return Err(response.unreadable(Self::OPERATION, why));
        }
        Ok(output)
    }
}

impl Output {
    /// Reads the platform's response.
    #[must_use]
    pub fn read(dag_id: String, raw_response: String) -> Self {
        let status = status(&raw_response).into_owned();
        Self { dag_id, phase: Phase::of(&status), status, raw_response }
    }
}

/// Returns the state in a response: the trimmed text, a JSON string, or an object's `status`, else its
/// `data` if that is a string. `unknown` if there is none of these.
fn status(response: &str) -> Cow<'_, str> {
    let response = response.trim();
    let (mut status, mut data) = (None, None);
    let read = json::fields(response, &mut |name, value| match name {
        "status" => status = json::string(value),
        "data" => data = json::string(value),
        _ => {}
    });
    let status = match read {
        Err(_) => return if response.is_empty() { "unknown" } else { response }.into(),
        Ok(true) => status.or(data),
        Ok(false) => serde_json::from_str(response).ok(),
    };
    let status = status.map(|status: String| status.trim().to_owned());
    status.filter(|status| !status.is_empty()).unwrap_or_else(|| "unknown".to_owned()).into()
}

/// Serializes a response in the envelope: JSON as JSON, anything else as a string.
fn json_or_text<S: Serializer>(response: &&str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<&RawValue>(response) {
        Ok(json) => json.serialize(serializer),
        Err(_) => serializer.serialize_str(response),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;
    use crate::settings::test::settings;

    #[test]
    fn the_id_is_sent_percent_encoded_in_the_query() {
        let arguments = Arguments { dag_id: "a b&c=坡/1".to_owned(), auth_token: None };
        let request =
            QueryTaskStatus::prepare(arguments, &settings(), || Duration::ZERO).unwrap().request;
        assert_eq!(request.method, Method::get());
        assert_eq!(request.url.path_and_query(), "/dag/getState?dagId=a%20b%26c%3D%E5%9D%A1%2F1");
        assert_eq!((request.body, request.timeout), (None, Duration::from_secs(30)));
    }

    #[test]
    fn a_blank_id_is_refused() {
        let arguments = Arguments { dag_id: "\n".to_owned(), auth_token: None };
        let result = QueryTaskStatus::prepare(arguments, &settings(), || Duration::ZERO);
        assert!(matches!(result, Err(Fault::Argument("dag_id", _))));
    }

    #[test]
    fn the_state_is_read_from_every_form() {
        for (response, expected) in [
            ("running", "running"),
            (" Running\n", "Running"),
            ("\"success\"", "success"),
            (r#"{"status":"failed"}"#, "failed"),
            (r#"{"code":200,"data":"running"}"#, "running"),
            (r#"{"status":"success","data":"running"}"#, "success"),
            (r#"{"status":5,"data":"running"}"#, "running"),
            (r#"{"code":200}"#, "unknown"),
            (r#"{"data":{"status":"running"}}"#, "unknown"),
            ("", "unknown"),
            ("  ", "unknown"),
            ("\"\"", "unknown"),
            ("5", "unknown"),
            ("null", "unknown"),
            ("[\"running\"]", "unknown"),
            ("{broken", "{broken"),
        ] {
            assert_eq!(status(response), expected, "{response:?}");
        }
    }

    #[test]
    fn phases_compare_without_case() {
        for (phase, states) in [
            (Phase::Completed, "SUCCESS Completed finished"),
            (
                Phase::Running,
                "RUNNING Starting not_started recovering idle busy Shutting_Down submitted ACCEPTED \
                 waiting pending queued",
            ),
            (Phase::Failed, "Failed error dead KILLED Cancelled canceled Timeout"),
            (Phase::Other, "unknown paused runningx"),
        ] {
            for state in states.split_whitespace() {
                let output = Output::read("d".to_owned(), state.to_owned());
                assert_eq!((output.phase, &*output.status), (phase, state));
            }
        }
    }

    #[test]
    fn the_phase_is_three_flags_in_the_envelope() {
        for (state, flags) in [
            ("success", [true, false, false]),
            ("running", [false, true, false]),
            ("dead", [false, false, true]),
            ("paused", [false; 3]),
        ] {
            let output = Output::read("d".to_owned(), state.to_owned());
            let [completed, running, failed] = flags;
            let expected = format!(
                r#"{{"dag_id":"d","status":"{state}","is_completed":{completed},"is_running":{running},"is_failed":{failed},"raw_response":"{state}"}}"#
            );
            assert_eq!(serde_json::to_string(&output).unwrap(), expected);
        }
    }

    #[test]
    fn the_raw_response_is_passed_on_unchanged() {
        for (response, data) in
            [("running", r#""running""#), (r#"{"status": 1.0}"#, r#"{"status": 1.0}"#)]
        {
            let output =
                serde_json::to_string(&Output::read("d".to_owned(), response.to_owned())).unwrap();
            assert!(output.ends_with(&format!("\"raw_response\":{data}}}")), "{output}");
        }
    }
}
