//! How the platform rejects an expired token.

use http::StatusCode;

use crate::response::Response;

const CODE_40003: &str = r#"{"code":40003,"msg":"token过期或异常","data":null}"#;
const STATUS_401: &str = r#"{"code":401,"msg":"Unauthorized","data":null}"#;

/// The response to a rejected token. The platform uses both forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiredForm {
    /// HTTP 200 with the code 40003 in the body.
    #[default]
    Code40003,
    /// HTTP 401.
    Status401,
}

impl ExpiredForm {
    pub(crate) fn response(self) -> Response {
        match self {
            Self::Code40003 => Response::json(StatusCode::OK, CODE_40003),
            Self::Status401 => Response::json(StatusCode::UNAUTHORIZED, STATUS_401),
        }
    }
}
