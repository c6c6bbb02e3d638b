//! The conversion of code to DAGs.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::dags::Dags;
use crate::digest;
use crate::extent::Extent;
use crate::response::Response;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    code: String,
    user_id: String,
    sample_name: String,
}

/// Responds with a DAG for each export of the code, in their order, and with one for code without any. Their ids
/// depend only on the code.
pub(crate) fn answer(call: &Call, dags: &mut Dags) -> Response {
    if call.code.trim().is_empty() || call.user_id.is_empty() {
        return Response::code(500, "代码转DAG失败: 参数有误");
    }
    let exports = call.code.matches(".export(").count();
    let entries: Vec<String> = (0..exports.max(1))
        .map(|index| {
            let id = digest::of((&call.code, index));
            let dag = json!({"0": {"functionInvocationValue": {
                "functionName": "Coverage.export",
                "arguments": {"coverage": {"valueReference": "1"}},
            }}, "isBatch": 1});
            dags.start(id.clone());
            format!(r#""{id}":{dag}"#)
        })
        .collect();
    let (longitude, latitude) = Extent::DEFAULT.center();
    let (dags, name) = (entries.join(","), json!(call.sample_name));
    Response::json(
        StatusCode::OK,
        format!(
            r#"{{"dags":{{{dags}}},"spaceParams":{{"zoom":10,"center":[{longitude:.2},{latitude:.3}],"name":{name}}},"log":"代码执行完成\n"}}"#
        ),
    )
}
