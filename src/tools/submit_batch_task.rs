//! `submit_batch_task`, 提交批处理任务: submits a DAG task for batch processing.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::{OffsetDateTime, UtcOffset};

use super::{Prepared, Read, Tool, check, json_text};
use crate::authorization::Authorization;
use crate::client::Accepted;
use crate::error::{Failure, Fault};
use crate::json;
use crate::secret::Secret;
use crate::settings::Settings;

/// The tool.
#[derive(Debug)]
pub struct SubmitBatchTask;

/// 提交批处理任务: submits a DAG task for batch processing
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// The DAG task, from execute_code_to_dag
    pub dag_id: String,
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
    /// The code that the DAG was made from [default: empty]
    pub script: Option<String>,
    /// A token of the caller's own
    pub auth_token: Option<Secret>,
}

/// A field in the platform's spelling. `None` if the platform omitted it.
pub type Field = Option<Box<RawValue>>;

/// The task as the platform recorded it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Output {
    pub batch_session_id: Field,
    pub task_id: Field,
    pub dag_id: Field,
    pub task_name: Field,
    pub state: Field,
    pub filename: Field,
    pub format: Field,
    pub scale: Field,
    pub crs: Field,
    pub user_id: Field,
    pub username: Field,
    pub folder: Field,
    #[serde(serialize_with = "json_text::serialize", skip_deserializing, default = "null")]
    pub api_response: String,
}

fn null() -> String {
    "null".to_owned()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    task_name: &'a str,
    crs: &'a str,
    scale: &'a str,
    filename: &'a str,
    format: &'a str,
    id: &'a str,
    user_name: &'a str,
    script: &'a str,
}

impl Tool for SubmitBatchTask {
    const NAME: &'static str = "submit_batch_task";
    const OPERATION: &'static str = "提交批处理任务";
    const ENDPOINT: &'static str = "dag";
    const TIMEOUT_SECONDS: u32 = 300;
    type Arguments = Arguments;
    type Output = Output;

    fn prepare(
        arguments: Arguments,
        settings: &Settings,
        now: impl FnOnce() -> Duration,
    ) -> Result<Prepared<Self>, Fault> {
        let dag_id =
            check::required("dag_id", arguments.dag_id, "an id that execute_code_to_dag answered")?;
        let authorization = Authorization::caller_or_store(arguments.auth_token.as_ref())?;
        let stamp = stamp(now(), settings.utc_offset);
        let named = |name, value, prefix: &str| {
            check::or_else(name, value, || Ok([prefix, &stamp].concat()))
        };
        let task_name = named("task_name", arguments.task_name, "task_")?;
        let filename = named("filename", arguments.filename, "file_")?;
        let crs = check::optional("crs", arguments.crs, "EPSG:4326")?;
        let scale = check::optional("scale", arguments.scale, "1000")?;
        let format = check::optional("format", arguments.format, "tif")?;
        let username = check::or_else("username", arguments.username, || settings.username())?;
        let payload = Payload {
            task_name: &task_name,
            crs: &crs,
            scale: &scale,
            filename: &filename,
            format: &format,
            id: &dag_id,
            user_name: &username,
            script: arguments.script.as_deref().unwrap_or_default(),
        };
        let url = settings.dag_url()?.join("addTaskRecord");
        Ok(Prepared::post(Self, url, &payload, authorization, settings))
    }

    fn message(output: &Output) -> String {
        let state = output.state.as_deref().map(text);
        format!("{}成功，任务状态: {}", Self::OPERATION, state.as_deref().unwrap_or("unknown"))
    }
}

impl Read for SubmitBatchTask {
    fn read(self, response: Accepted) -> Result<Output, Failure> {
        let top = response.body.top.as_ref().ok();
        // A `code` that is a string can mean a failure, but not a success.
        match top.filter(|top| !top.code_is_text).and_then(|top| top.code) {
            None => {
                Err(response
                    .unreadable(Self::OPERATION, "the platform's answer has no numeric `code`"))
            }
            Some(200) => Output::read(&response.body.text).ok_or_else(|| {
                response.unreadable(Self::OPERATION, "the platform's answer has no object `data`")
            }),
            Some(_) => Err(response.failed(Self::OPERATION)),
        }
    }
}

impl Output {
    /// Reads the platform's whole response. `None` if it has no object `data`.
    #[must_use]
    pub fn read(api_response: &str) -> Option<Self> {
        let mut record = None;
        json::fields(api_response, &mut |name, value| {
            if name == "data" {
                record = Some(value);
            }
        })
        .ok()?;
        let mut output = Self { api_response: api_response.to_owned(), ..Self::default() };
        let is_object = json::fields(record?.get(), &mut |name, value| {
            if let Some(field) = output.field(name) {
                *field = json::present(value);
            }
        });
        matches!(is_object, Ok(true)).then_some(output)
    }

    /// Returns the field that the platform calls `name`.
    fn field(&mut self, name: &str) -> Option<&mut Field> {
        Some(match name {
            "batchSessionId" => &mut self.batch_session_id,
            "id" => &mut self.task_id,
            "dagId" => &mut self.dag_id,
            "taskName" => &mut self.task_name,
            "state" => &mut self.state,
            "filename" => &mut self.filename,
            "format" => &mut self.format,
            "scale" => &mut self.scale,
            "crs" => &mut self.crs,
            "userId" => &mut self.user_id,
            "userName" => &mut self.username,
            "folder" => &mut self.folder,
            _ => return None,
        })
    }
}

/// Returns a field as text: the content of a string, or anything else as JSON.
#[must_use]
pub fn text(field: &RawValue) -> String {
    json::string(field).unwrap_or_else(|| field.get().to_owned())
}

/// Formats a time as `YYYY_mm_dd_HH_MM_SS`. A time outside the calendar becomes 1970.
fn stamp(now: Duration, offset: UtcOffset) -> String {
    let seconds = i64::try_from(now.as_secs()).unwrap_or_default();
    let utc = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let now = utc.checked_to_offset(offset).unwrap_or(utc);
    format!(
        "{:04}_{:02}_{:02}_{:02}_{:02}_{:02}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test::settings;
    use alloc::string::ToString;

    /// 2026-01-02 03:04:05 UTC.
    const NOW: Duration = Duration::from_secs(1_767_323_045);

    fn prepare(arguments: Arguments) -> Result<Prepared<SubmitBatchTask>, Fault> {
        SubmitBatchTask::prepare(arguments, &settings(), || NOW)
    }

    fn dag(id: &str) -> Arguments {
        Arguments { dag_id: id.to_string(), ..Arguments::default() }
    }

    #[test]
    fn names_are_made_from_the_time_at_the_offset() {
        let request = prepare(dag("d1")).unwrap().request;
        assert_eq!(request.url.path_and_query(), "/dag/addTaskRecord");
        assert_eq!(
            request.body.as_deref(),
            Some(
                r#"{"taskName":"task_2026_01_02_11_04_05","crs":"EPSG:4326","scale":"1000","filename":"file_2026_01_02_11_04_05","format":"tif","id":"d1","userName":"name-1","script":""}"#
            )
        );
    }

    #[test]
    fn every_argument_reaches_the_payload() {
        let some = |text: &str| Some(text.to_string());
        let prepared = prepare(Arguments {
            dag_id: "d".into(),
            task_name: some("t"),
            filename: some("f"),
            crs: some("c"),
            scale: some("30"),
            format: some("png"),
            username: some("u"),
            script: some("s"),
            auth_token: Some(Secret::new("Bearer x")),
        })
        .unwrap();
        assert_eq!(
            prepared.request.body.as_deref(),
            Some(
                r#"{"taskName":"t","crs":"c","scale":"30","filename":"f","format":"png","id":"d","userName":"u","script":"s"}"#
            )
        );
        assert_eq!(prepared.authorization, Authorization::Caller(Secret::new("Bearer x")));
    }

    #[test]
    fn blank_names_are_refused() {
        let blank = || Some(" ".to_string());
        for (name, arguments) in [
            ("dag_id", dag("　")),
            ("task_name", Arguments { task_name: blank(), ..dag("d") }),
            ("filename", Arguments { filename: blank(), ..dag("d") }),
            ("crs", Arguments { crs: blank(), ..dag("d") }),
            ("scale", Arguments { scale: blank(), ..dag("d") }),
            ("format", Arguments { format: blank(), ..dag("d") }),
            ("username", Arguments { username: blank(), ..dag("d") }),
        ] {
            let Err(Fault::Argument(named, _)) = prepare(arguments) else {
                panic!("a blank {name} was accepted");
            };
            assert_eq!(named, name);
        }
    }

    #[test]
    fn a_record_keeps_the_platforms_spelling() {
        let answer = r#"{"code":200,"data":{"batchSessionId":17,"id":"t","state":"starting","scale":1e3,"folder":null}}"#;
        let output = Output::read(answer).unwrap();
        assert_eq!(SubmitBatchTask::message(&output), "提交批处理任务成功，任务状态: starting");
        assert_eq!(
            serde_json::to_string(&output).unwrap(),
            alloc::format!(
                r#"{{"batch_session_id":17,"task_id":"t","dag_id":null,"task_name":null,"state":"starting","filename":null,"format":null,"scale":1e3,"crs":null,"user_id":null,"username":null,"folder":null,"api_response":{answer}}}"#
            )
        );
    }

    #[test]
    fn every_clock_value_makes_a_valid_name() {
        for now in [Duration::ZERO, Duration::MAX, Duration::from_secs(253_402_300_799)] {
            assert_eq!(stamp(now, UtcOffset::from_hms(8, 0, 0).unwrap()).len(), 19);
        }
    }
}
