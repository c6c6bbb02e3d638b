//! Any other path: an echo of the request.

use http::StatusCode;
use serde_json::json;

use crate::received::Received;
use crate::response::Response;

/// Accepts any method. A body must be JSON.
pub(crate) fn read(request: &Received) -> Result<(), Response> {
    if request.body.is_empty() {
        return Ok(());
    }
    request.expect_json().map(|_: serde::de::IgnoredAny| ())
}

pub(crate) fn answer(request: &Received) -> Response {
    let body = json!({"code": 200, "data": {
        "method": request.parts.method.as_str(),
        "path": request.parts.uri.path(),
        "query": request.parts.uri.query(),
    }});
    Response::json(StatusCode::OK, body.to_string())
}
