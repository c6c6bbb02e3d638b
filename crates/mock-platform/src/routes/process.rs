//! The computation API.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::tile;
use crate::aspect;
use crate::digest;
use crate::extent::Extent;
use crate::response::Response;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    name: String,
    args: Value,
    docker_image_source: String,
}

pub(crate) fn answer(call: &Call, origin: &str) -> Response {
    if call.docker_image_source != "DOCKER_HUB" {
        return failure("镜像来源不支持");
    }
    match call.name.as_str() {
        "Coverage.aspect" => aspect(&call.args, origin),
        "FeatureCollection.runBigQuery" => big_query(&call.args),
        _ => failure("算子不存在"),
    }
}

fn aspect(args: &Value, origin: &str) -> Response {
    let of = |pointer| args.pointer(pointer);
    let extent = of("/coverage/preParams/bbox")
        .and_then(|bbox| <[f64; 4]>::deserialize(bbox).ok())
        .and_then(Extent::new);
    let is_complete = of("/coverage/type").is_some_and(Value::is_string)
        && of("/coverage/pretreatment").is_some_and(Value::is_boolean)
        && of("/coverage/value/0").is_some_and(Value::is_string)
        && of("/radius").is_some_and(Value::is_u64);
    match extent.filter(|_| is_complete) {
        Some(extent) => Response::json(StatusCode::OK, aspect_map(&extent, origin)),
        None => failure("参数有误"),
    }
}

/// Returns a response with unordered keys and numbers in all forms that the platform's Scala code writes: a client
/// that passes the JSON on must not change it.
fn aspect_map(extent: &Extent, origin: &str) -> String {
    let url = tile::address(origin, extent, tile::TEMPLATE);
    let Extent { west, south, east, north } = extent;
    let id = digest::large(&url[origin.len()..]);
    let area = scientific(extent.area());
    let legend = aspect::legend();
    [
        format!(
            r#"{{"code":20000,"msg":"success","data":{{"url":"{url}","name":"坡向分析","id":{id},"#
        ),
        format!(r#""bandNames":["aspect"],"extent":{{"xmin":{west:?},"ymin":{south:?},"#),
        format!(r#""xmax":{east:?},"ymax":{north:?},"crs":"EPSG:4326"}},"#),
        r#""statistics":{"min":0.0,"max":359.99,"mean":181.250,"nodata":-1.0,"tolerance":1e-7,"#
            .to_owned(),
        format!(r#""area":{area}}},"legend":{legend},"remark":null,"cached":false}}}}"#),
    ]
    .concat()
}

/// Formats a number like `1.25E+9`.
fn scientific(number: f64) -> String {
    let text = format!("{number:.2E}");
    if text.contains("E-") { text } else { text.replace('E', "E+") }
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
