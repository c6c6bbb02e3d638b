//! The computation API.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::digest;
use crate::response::Response;

/// Unordered keys and numbers in all forms that the platform's Scala code writes: a client that passes the JSON
/// on must not change it.
const ASPECT: &str = concat!(
    r#"{"code":20000,"msg":"success","data":{"#,
    r#""url":"http://127.0.0.1/oge-tiles/aspect_6f2a/{z}/{x}/{y}.png","#,
    r#""name":"坡向分析","bandNames":["aspect"],"#,
    r#""extent":{"xmin":114.05,"ymin":30.40,"xmax":114.75,"ymax":30.9,"crs":"EPSG:4326"},"#,
    r#""statistics":{"min":0.0,"max":359.99,"mean":181.250,"nodata":-1.0,"tolerance":1e-7,"#,
    r#""area":1.25E+9,"pixels":9007199254740993},"#,
    r##""legend":[{"label":"平地","range":[-1,-1],"color":"#B0B0B0"},"##,
    r##"{"label":"北","range":[337.5,22.5],"color":"#FF0000"},"##,
    r##"{"label":"东","range":[67.5,112.5],"color":"#FFFF00"}],"##,
    r#""remark":null,"cached":false}}"#,
);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    name: String,
    args: Value,
    docker_image_source: String,
}

pub(crate) fn answer(call: &Call) -> Response {
    if call.docker_image_source != "DOCKER_HUB" {
        return failure("镜像来源不支持");
    }
    match call.name.as_str() {
        "Coverage.aspect" => aspect(&call.args),
        "FeatureCollection.runBigQuery" => big_query(&call.args),
        _ => failure("算子不存在"),
    }
}

fn aspect(args: &Value) -> Response {
    let of = |pointer| args.pointer(pointer);
    let is_box = of("/coverage/preParams/bbox")
        .and_then(Value::as_array)
        .is_some_and(|bbox| bbox.len() == 4 && bbox.iter().all(Value::is_number));
    let is_complete = is_box
        && of("/coverage/type").is_some_and(Value::is_string)
        && of("/coverage/pretreatment").is_some_and(Value::is_boolean)
        && of("/coverage/value/0").is_some_and(Value::is_string)
        && of("/radius").is_some_and(Value::is_u64);
    if is_complete { Response::json(StatusCode::OK, ASPECT) } else { failure("参数有误") }
}

/// Responds with the result set's identifier, which depends only on the query.
fn big_query(args: &Value) -> Response {
    let of = |name| args.get(name).and_then(Value::as_str);
    let Some(query) = of("query").zip(of("geometryColumn")) else {
        return failure("参数有误");
    };
    let id = digest::of(query);
    Response::json(
        StatusCode::OK,
        format!(r#"{{"code":20000,"msg":"success","data":"bigquery_{id}"}}"#),
    )
}

fn failure(why: &str) -> Response {
    Response::code(500, &format!("算子执行失败: {why}"))
}
