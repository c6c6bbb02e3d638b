//! `query_task_status`, 查询任务状态: asks how far a task is.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;
use core::mem::take;
use core::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Prepared, Tool, check};
use crate::authorization::Authorization;
use crate::call::Accepted;
use crate::error::{Failure, Fault};
use crate::json;
use crate::secret::Secret;
use crate::settings::Settings;

/// A longer state is no state.
const MAX_STATE_BYTES: usize = 4096;

/// The states of the platform and of Apache Livy, which runs its batches. Any other is none of these.
const COMPLETED: &[&str] = &["success", "completed", "finished"];
const FAILED: &[&str] = &["failed", "error", "dead", "killed", "cancelled", "canceled", "timeout"];
const RUNNING: &[&str] = &[
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
];

/// The tool.
#[derive(Debug)]
pub struct QueryTaskStatus {
    dag_id: String,
}

/// What a caller passes; the WIT documents each.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Arguments {
    pub dag_id: String,
    pub auth_token: Option<Secret>,
}

/// The state of a task; the flags compare without case, `status` keeps its spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Output {
    pub dag_id: String,
    pub status: String,
    pub is_completed: bool,
    pub is_running: bool,
    pub is_failed: bool,
    #[serde(serialize_with = "as_it_came")]
    pub raw_response: String,
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

    fn read(self, mut reply: Accepted) -> Result<Output, Failure> {
        let output = Output::read(self.dag_id, take(&mut reply.body.text));
        if output.status.len() > MAX_STATE_BYTES {
            reply.body.text = output.raw_response;
            let why = "the platform's answer is longer than 4 KiB, which is no state of a task";
            return Err(reply.unreadable(Self::OPERATION, why));
        }
        Ok(output)
    }

    fn message(output: &Output) -> String {
        format!("{}成功，当前状态: {}", Self::OPERATION, output.status)
    }
}

impl Output {
    /// Reads the platform's answer about a task.
    #[must_use]
    pub fn read(dag_id: String, raw_response: String) -> Self {
        let status = status(&raw_response).into_owned();
        let is = |states: &[&str]| states.iter().any(|state| status.eq_ignore_ascii_case(state));
        Self {
            dag_id,
            is_completed: is(COMPLETED),
            is_running: is(RUNNING),
            is_failed: is(FAILED),
            status,
            raw_response,
        }
    }
}

/// The state in a reply: the trimmed text, a JSON string, or an object's `status`, else its `data`
/// where that is a string. `unknown` where there is none.
fn status(reply: &str) -> Cow<'_, str> {
    let reply = reply.trim();
    let (mut status, mut data) = (None, None);
    let read = json::fields(reply, &mut |name, value| match name {
        "status" => status = json::string(value),
        "data" => data = json::string(value),
        _ => {}
    });
    let status = match read {
        Err(_) => return if reply.is_empty() { "unknown" } else { reply }.into(),
        Ok(true) => status.or(data),
        Ok(false) => serde_json::from_str(reply).ok(),
    };
    let status = status.map(|status: String| status.trim().to_owned());
    status.filter(|status| !status.is_empty()).unwrap_or_else(|| "unknown".to_owned()).into()
}

/// A reply inside the envelope: JSON as the JSON it is, anything else as a string.
fn as_it_came<S: Serializer>(reply: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<&RawValue>(reply) {
        Ok(json) => json.serialize(serializer),
        Err(_) => serializer.serialize_str(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;
    use crate::settings::test::settings;
    use alloc::vec::Vec;

    #[test]
    fn the_id_travels_in_the_query() {
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
        for (reply, expected) in [
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
            assert_eq!(status(reply), expected, "{reply:?}");
        }
    }

    #[test]
    fn flags_compare_without_case() {
        let states = |states: &str, flags: [bool; 3]| {
            states.split(' ').map(move |state| (state.to_owned(), flags)).collect::<Vec<_>>()
        };
        let completed = states("SUCCESS Completed finished", [true, false, false]);
        let running = states(
            "RUNNING Starting not_started recovering idle busy Shutting_Down submitted ACCEPTED waiting \
             pending queued",
            [false, true, false],
        );
        let failed =
            states("Failed error dead KILLED Cancelled canceled Timeout", [false, false, true]);
        let other = states("unknown paused runningx", [false; 3]);
        for (state, flags) in [completed, running, failed, other].concat() {
            let output = Output::read("d".to_owned(), state.clone());
            assert_eq!(
                [output.is_completed, output.is_running, output.is_failed],
                flags,
                "{state}"
            );
            assert_eq!(output.status, state);
        }
    }

    #[test]
    fn the_reply_is_handed_on_as_it_came() {
        for (reply, data) in
            [("running", r#""running""#), (r#"{"status": 1.0}"#, r#"{"status": 1.0}"#)]
        {
            let output =
                serde_json::to_string(&Output::read("d".to_owned(), reply.to_owned())).unwrap();
            assert!(output.ends_with(&format!("\"raw_response\":{data}}}")), "{output}");
        }
    }
}
