//! `run_big_query`, 大数据查询: an SQL query over the platform's vector data.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Computation, Prepared, Read, Tool, check, computation};
use crate::client::Accepted;
use crate::error::{Failure, Fault};
use crate::settings::Settings;

/// Selects paddy fields, irrigated land and dry land from the land survey.
pub const FARMLAND: &str =
    "SELECT * FROM shp_guotubiangeng WHERE DLMC IN ('旱地', '水浇地', '水田')";

/// The tool.
#[derive(Debug)]
pub struct RunBigQuery;

/// 大数据查询: runs an SQL query over vector data
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// The SQL query [default: the farmland of the land survey]
    pub query: Option<String>,
    /// The column that holds the geometry [default: geom]
    pub geometry_column: Option<String>,
}

#[derive(Serialize)]
struct Args<'a> {
    query: &'a str,
    #[serde(rename = "geometryColumn")]
    geometry_column: &'a str,
}

impl Tool for RunBigQuery {
    const NAME: &'static str = "run_big_query";
    const OPERATION: &'static str = "大数据查询";
    const ENDPOINT: &'static str = "intranet";
    const TIMEOUT_SECONDS: u32 = 120;
    type Arguments = Arguments;
    type Output = Computation;

    fn prepare(
        arguments: Arguments,
        settings: &Settings,
        _now: impl FnOnce() -> Duration,
    ) -> Result<Prepared<Self>, Fault> {
        let query = check::optional("query", arguments.query, FARMLAND)?;
        let column = check::optional("geometry_column", arguments.geometry_column, "geom")?;
        let args = Args { query: &query, geometry_column: &column };
        computation::prepare(Self, "FeatureCollection.runBigQuery", args, settings)
    }

    fn message(_output: &Computation) -> String {
        format!("{}执行成功", Self::OPERATION)
    }

    /// Ends with the HTTP status, which clients of the old server look for, if a request was sent.
    fn failure_message(failure: &Failure) -> String {
        if failure.attempts == 0 {
            return format!("{}失败: {}", Self::OPERATION, failure.message);
        }
        let status = failure.http_status.filter(|status| *status != 200);
        let status = status.map_or_else(|| "未知状态码".to_string(), |status| status.to_string());
        format!("{}失败: {} (状态码: {status})", Self::OPERATION, failure.message)
    }
}

impl Read for RunBigQuery {
    fn read(self, response: Accepted) -> Result<Computation, Failure> {
        Computation::read::<Self>(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;
    use crate::settings::test::settings;

    fn body(arguments: Arguments) -> Option<String> {
        let prepared = RunBigQuery::prepare(arguments, &settings(), || Duration::ZERO).ok()?;
        prepared.request.body
    }

    #[test]
    fn defaults_ask_for_farmland() {
        assert_eq!(
            body(Arguments::default()).as_deref(),
            Some(
                r#"{"name":"FeatureCollection.runBigQuery","args":{"query":"SELECT * FROM shp_guotubiangeng WHERE DLMC IN ('旱地', '水浇地', '水田')","geometryColumn":"geom"},"dockerImageSource":"DOCKER_HUB"}"#
            )
        );
    }

    #[test]
    fn a_query_is_sent_unchanged() {
        let query = "SELECT \"a\" FROM t\nWHERE b = '坡\\'".to_string();
        let body = body(Arguments { query: Some(query), geometry_column: Some("g".into()) });
        assert_eq!(
            body.as_deref(),
            Some(
                r#"{"name":"FeatureCollection.runBigQuery","args":{"query":"SELECT \"a\" FROM t\nWHERE b = '坡\\'","geometryColumn":"g"},"dockerImageSource":"DOCKER_HUB"}"#
            )
        );
    }

    #[test]
    fn blank_arguments_are_refused() {
        assert_eq!(body(Arguments { query: Some(" \n".into()), ..Arguments::default() }), None);
        assert_eq!(
            body(Arguments { geometry_column: Some(String::new()), ..Arguments::default() }),
            None
        );
    }

    #[test]
    fn a_failure_of_a_request_ends_with_the_status() {
        let failed = |attempts, http_status| {
            let failure = Failure::new(FailureKind::Api, RunBigQuery::OPERATION, "why");
            RunBigQuery::failure_message(&Failure { attempts, http_status, ..failure })
        };
        assert_eq!(failed(0, None), "大数据查询失败: why");
        assert_eq!(failed(1, None), "大数据查询失败: why (状态码: 未知状态码)");
        assert_eq!(failed(2, Some(200)), "大数据查询失败: why (状态码: 未知状态码)");
        assert_eq!(failed(1, Some(500)), "大数据查询失败: why (状态码: 500)");
    }
}
