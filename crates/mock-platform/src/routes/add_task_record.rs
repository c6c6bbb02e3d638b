//! Submission of a batch task.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::dags::Dags;
use crate::digest;
use crate::response::Response;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    task_name: String,
    crs: String,
    scale: String,
    filename: String,
    format: String,
    id: String,
    user_name: String,
    #[serde(rename = "script")]
    _script: String,
}

/// Responds with the record of the task. A task that was submitted before restarts.
pub(crate) fn answer(call: &Call, dags: &mut Dags, user_id: &str) -> Response {
    let number = dags.submit(&call.id);
    let body = json!({"code": 200, "msg": "success", "data": {
        "batchSessionId": digest::of((&call.id, number)),
        "id": number.to_string(),
        "dagId": call.id,
        "taskName": call.task_name,
        "state": dags.first_state(),
        "filename": call.filename,
        "format": call.format,
        "scale": call.scale,
        "crs": call.crs,
        "userId": user_id,
        "userName": call.user_name,
        "folder": format!("/{}/result", call.user_name),
    }});
    Response::json(StatusCode::OK, body.to_string())
}
