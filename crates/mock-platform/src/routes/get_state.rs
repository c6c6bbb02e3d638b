//! The state of a task.

use http::{Method, StatusCode};

use crate::dags::Dags;
use crate::received::Received;
use crate::response::Response;
use crate::urlencoded;

pub(crate) struct Call {
    dag_id: String,
}

/// Reads the `dagId` of the query. Returns a 400 if there is none.
pub(crate) fn read(request: &Received) -> Result<Call, Response> {
    request.expect_method(&Method::GET)?;
    request.expect_type("application/json")?;
    match urlencoded::value(&request.query(), "dagId") {
        None | Some("") => Err(Response::status(StatusCode::BAD_REQUEST, "缺少参数dagId")),
        Some(dag_id) => Ok(Call { dag_id: dag_id.to_owned() }),
    }
}

pub(crate) fn answer(call: &Call, dags: &mut Dags) -> Response {
    let state = dags.query(&call.dag_id).to_owned();
    Response::typed(StatusCode::OK, "text/plain;charset=UTF-8", state)
}
