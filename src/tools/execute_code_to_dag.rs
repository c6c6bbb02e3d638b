//! `execute_code_to_dag`, 代码转DAG任务: turns OGE Python code into DAG tasks.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Prepared, Read, Tool, check};
use crate::authorization::Authorization;
use crate::client::Accepted;
use crate::error::{Failure, Fault};
use crate::json;
use crate::secret::Secret;
use crate::settings::Settings;

/// The tool.
#[derive(Debug)]
pub struct ExecuteCodeToDag {
    user_id: String,
    sample_name: String,
}

/// 代码转DAG任务: turns OGE Python code into DAG tasks
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// OGE Python code
    pub code: String,
    /// The user that runs the code [default: the setting OGE_USER_ID]
    pub user_id: Option<String>,
    /// The name of the sample [default: empty]
    pub sample_name: Option<String>,
    /// A token of the caller's own
    pub auth_token: Option<Secret>,
}

/// The DAG tasks that the code became.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the WIT documents them, and the names are the same")]
pub struct Output {
    pub dags: Box<RawValue>,
    pub dag_ids: Vec<String>,
    pub space_params: Option<Box<RawValue>>,
    pub log: Option<Box<RawValue>>,
    pub user_id: String,
    pub sample_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    code: &'a str,
    user_id: &'a str,
    sample_name: &'a str,
}

impl Tool for ExecuteCodeToDag {
    const NAME: &'static str = "execute_code_to_dag";
    const OPERATION: &'static str = "代码转DAG任务";
    const ENDPOINT: &'static str = "dag";
    const TIMEOUT_SECONDS: u32 = 300;
    type Arguments = Arguments;
    type Output = Output;

    fn prepare(
        arguments: Arguments,
        settings: &Settings,
        _now: impl FnOnce() -> Duration,
    ) -> Result<Prepared<Self>, Fault> {
        let code = check::required("code", arguments.code, "OGE Python code")?;
        let authorization = Authorization::caller_or_store(arguments.auth_token.as_ref())?;
        let user_id = check::or_else("user_id", arguments.user_id, || settings.user_id())?;
        let sample_name = arguments.sample_name.unwrap_or_default();
        let url = settings.dag_url()?.join("executeCode");
        let payload = Payload { code: &code, user_id: &user_id, sample_name: &sample_name };
        let tool = Self { user_id: user_id.clone(), sample_name: sample_name.clone() };
        Ok(Prepared::post(tool, url, &payload, authorization, settings))
    }

    fn message(output: &Output) -> String {
        format!("{}成功，生成了{}个DAG任务", Self::OPERATION, output.dag_ids.len())
    }
}

impl Read for ExecuteCodeToDag {
    fn read(self, response: Accepted) -> Result<Output, Failure> {
        let (mut dags, mut space_params, mut log) = (None, None, None);
        let read = json::fields(&response.body.text, &mut |name, value| match name {
            "dags" => dags = Some(value.to_owned()),
            "spaceParams" => space_params = json::present(value),
            "log" => log = json::present(value),
            _ => {}
        });
        let dags = read.ok().and(dags).ok_or_else(|| {
            response.unreadable(Self::OPERATION, "the platform's answer has no object `dags`")
        })?;
        let dag_ids = dag_ids(dags.get()).ok_or_else(|| {
            let why = "the platform's `dags` is not an object of objects or strings";
            response.unreadable(Self::OPERATION, why)
        })?;
        Ok(Output {
            dags,
            dag_ids,
            space_params,
            log,
            user_id: self.user_id,
            sample_name: self.sample_name,
        })
    }
}

/// The most DAGs of a response. With more, their ids could take many times the memory of the response.
const MAX_DAGS: usize = 65_536;

/// Returns the ids in the order of `dags`: an entry's key if its value is an object, or its value if that
/// is a string. `None` if `dags` has another form or more than [`MAX_DAGS`] entries.
fn dag_ids(dags: &str) -> Option<Vec<String>> {
    let mut ids = Some(Vec::new());
    let is_object = json::fields(dags, &mut |name, value| {
        let id =
            if value.get().starts_with('{') { Some(name.to_owned()) } else { json::string(value) };
        let has_room = |ids: &Vec<String>| ids.len() < MAX_DAGS;
        ids = ids.take().filter(has_room).zip(id).map(|(mut ids, id)| {
            ids.push(id);
            ids
        });
    });
    ids.filter(|_| matches!(is_object, Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test::settings;
    use alloc::string::ToString;

    fn prepare(arguments: Arguments) -> Result<Prepared<ExecuteCodeToDag>, Fault> {
        ExecuteCodeToDag::prepare(arguments, &settings(), || Duration::ZERO)
    }

    #[test]
    fn the_user_id_defaults_to_the_setting() {
        let code = "import oge".to_string();
        let request = prepare(Arguments { code, ..Arguments::default() }).unwrap().request;
        assert_eq!(request.url.path_and_query(), "/dag/executeCode");
        assert_eq!(request.timeout, Duration::from_secs(300));
        assert_eq!(
            request.body.as_deref(),
            Some(r#"{"code":"import oge","userId":"user-1","sampleName":""}"#)
        );
    }

    #[test]
    fn every_argument_reaches_the_payload() {
        let request = prepare(Arguments {
            code: "x".to_string(),
            user_id: Some("u".to_string()),
            sample_name: Some("s".to_string()),
            auth_token: Some(Secret::new("t")),
        })
        .unwrap();
        assert_eq!(
            request.request.body.as_deref(),
            Some(r#"{"code":"x","userId":"u","sampleName":"s"}"#)
        );
        assert_eq!(request.authorization, Authorization::Caller(Secret::new("Bearer t")));
    }

    #[test]
    fn blank_code_and_a_blank_user_are_refused() {
        let blank = Arguments { code: " \n\t".to_string(), ..Arguments::default() };
        assert!(matches!(prepare(blank), Err(Fault::Argument("code", _))));
        let code = "x".to_string();
        let blank = Arguments { code, user_id: Some(" ".to_string()), ..Arguments::default() };
        assert!(matches!(prepare(blank), Err(Fault::Argument("user_id", _))));
    }

    #[test]
    fn ids_are_keys_of_objects_or_string_values_in_order() {
        assert_eq!(dag_ids(r#"{"b":{"x":1},"a":"id-2","c":{}}"#).unwrap(), ["b", "id-2", "c"]);
        assert_eq!(dag_ids("{}").unwrap(), [""; 0]);
    }

    #[test]
    fn dags_of_another_form_have_no_ids() {
        for dags in
            ["[]", "null", "\"a\"", "1", r#"{"a":1}"#, r#"{"a":{},"b":null}"#, r#"{"a":["b"]}"#]
        {
            assert!(dag_ids(dags).is_none(), "{dags}");
        }
        let many = |count: usize| format!("{{{}\"a\":{{}}}}", "\"a\":{},".repeat(count - 1));
        assert_eq!(dag_ids(&many(MAX_DAGS)).unwrap().len(), MAX_DAGS);
        assert!(dag_ids(&many(MAX_DAGS + 1)).is_none());
    }
}
