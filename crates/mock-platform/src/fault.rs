//! The ways in which a response can go wrong.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use crate::delivery::{Delivery, Wire};
use crate::received::Received;
use crate::response::{self, Response};
use crate::route::Route;

const NOT_JSON: &str = "<html><head><title>502 Bad Gateway</title></head>\
    <body><h1>网关错误</h1><hr>nginx/1.20.1</body></html>";
/// The header of the last response on a connection.
const LAST: &str = "connection: close\r\n";
const INVALID_UTF8: &[u8] = b"{\"code\":20000,\"msg\":\"\xff\xfe\xc3\x28\",\"data\":null}";

/// One way in which a response goes wrong.
///
/// `Delay`, `Drip`, `DripAll`, `HangBody`, `CutBody`, `ResetBody`, `LongLength`, `ShortLength`,
/// `Interim`, `Headers` and `ContentType` change how the platform's response is sent. The token is
/// checked, and the call counts.
///
/// All others replace the response. The token is not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The response begins late.
    Delay(Duration),
    /// The body is sent one byte at a time.
    Drip {
        /// The time before each byte.
        every: Duration,
    },
    /// The whole response is sent one byte at a time, including status line and headers. Then the
    /// connection is closed.
    DripAll {
        /// The time before each byte.
        every: Duration,
    },
    /// No response. The connection stays open until the client closes it or the mock stops.
    Hang,
    /// Half of the body, streamed without a `Content-Length`. The connection stays open as with
    /// `Hang`.
    HangBody,
    /// The connection is closed without a response.
    Cut,
    /// The connection is closed after half of the body that `Content-Length` announced.
    CutBody,
    /// The connection is reset without a response.
    Reset,
    /// The connection is reset after half of the body that `Content-Length` announced.
    ResetBody,
    /// The whole body, but `Content-Length` announces more. Then the connection is closed.
    LongLength,
    /// The whole body, but `Content-Length` announces half of it. Then the connection is closed.
    ShortLength,
    /// An informational response of this status, then the response. Then the connection is closed.
    Interim(u16),
    /// The response has additional headers. Then the connection is closed.
    Headers {
        /// How many headers are added.
        count: usize,
        /// The length of each value.
        bytes: usize,
    },
    /// The response has this `Content-Type`, or none if the value cannot be a header.
    ContentType(String),
    /// These bytes, HTTP or not. Then the connection is closed.
    Wire(Bytes),
    /// This HTTP status with a JSON body. A 3xx has a `Location` on this mock, so that a request of
    /// a client that follows it is recorded under [`Route::Other`]. A number that is no final status
    /// becomes 500.
    Status(u16),
    /// HTTP 200 with a gateway's HTML error page.
    NotJson,
    /// HTTP 200 without a body.
    Empty,
    /// HTTP 200 with JSON whose string has bytes that are not UTF-8.
    InvalidUtf8,
    /// HTTP 200 with valid JSON whose `data` is this many nested arrays.
    Deep(usize),
    /// HTTP 200 with valid JSON of this many bytes (at least 35), streamed without a
    /// `Content-Length`.
    Huge(usize),
    /// HTTP 200 with this `code` and a `msg`.
    Code(i64),
    /// Any response.
    Response {
        /// The HTTP status. A number that is no final status becomes 500.
        status: u16,
        /// The `Content-Type`.
        content_type: String,
        /// The body.
        body: Bytes,
    },
    /// HTTP 500 with a message that repeats the received `Authorization`. On [`Route::Token`] it
    /// repeats the query and the body.
    EchoToken,
}

impl Fault {
    /// Returns a fault that sends this status without a body, with a `Retry-After` in seconds or as a date, and
    /// closes the connection.
    #[must_use]
    pub fn overloaded(status: u16, retry_after: &str) -> Self {
        let status = response::status(status);
        let head = format!(
            "HTTP/1.1 {status}\r\nretry-after: {retry_after}\r\ncontent-length: 0\r\n{LAST}\r\n"
        );
        Self::Wire(head.into())
    }

    /// Returns how long the response is delayed.
    pub(crate) fn pause(&self) -> Duration {
        match self {
            Self::Delay(pause) => *pause,
            _ => Duration::ZERO,
        }
    }

    /// Returns what is sent in place of the platform's response. `None` if the fault only changes how it is
    /// sent.
    pub(crate) fn replaces(&self, request: &Received, origin: &str) -> Option<Delivery> {
        let response = match self {
            Self::Delay(_)
            | Self::Drip { .. }
            | Self::DripAll { .. }
            | Self::HangBody
            | Self::CutBody
            | Self::ResetBody
            | Self::LongLength
            | Self::ShortLength
            | Self::Interim(_)
            | Self::Headers { .. }
            | Self::ContentType(_) => return None,
            Self::Hang => return Some(Delivery::Never),
            Self::Cut => return Some(Delivery::Wire(Wire::default())),
            Self::Reset => return Some(Delivery::Wire(Wire::default().reset())),
            Self::Wire(bytes) => return Some(Delivery::Wire(Wire::of(bytes.clone()))),
            Self::Huge(length) => return Some(Delivery::Huge(*length)),
            Self::Status(number) => with_status(*number, origin),
            Self::NotJson => Response::typed(StatusCode::OK, "text/html;charset=UTF-8", NOT_JSON),
            Self::Empty => Response::json(StatusCode::OK, ""),
            Self::Deep(depth) => Response::json(StatusCode::OK, deep(*depth)),
            Self::InvalidUtf8 => Response::json(StatusCode::OK, INVALID_UTF8),
            Self::Code(code) => Response::code(*code, "算子执行失败"),
            Self::Response { status, content_type, body } => {
                Response::typed(response::status(*status), content_type, body.clone())
            }
            Self::EchoToken => echo(request),
        };
        Some(Delivery::Whole(response))
    }

    /// Returns the platform's response, sent as this fault requires.
    pub(crate) fn spoils(&self, response: Response) -> Delivery {
        let length = response.body.len();
        let status = response.status;
        Delivery::Wire(match self {
            Self::Drip { every } => return Delivery::Dripped(response, *every),
            Self::HangBody => return Delivery::Stuck(response),
            Self::ContentType(value) => {
                return Delivery::Whole(Response::typed(status, value, response.body));
            }
            Self::CutBody => Wire::of(response.into_wire("", length, length / 2)),
            Self::ResetBody => Wire::of(response.into_wire("", length, length / 2)).reset(),
            Self::LongLength => Wire::of(response.into_wire("", length + 64, length)),
            Self::ShortLength => Wire::of(response.into_wire("", length / 2, length)),
            Self::DripAll { every } => {
                Wire::of(response.into_wire(LAST, length, length)).drip(*every).readable(status)
            }
            Self::Interim(number) => {
                let interim = format!("HTTP/1.1 {number} Interim\r\nx-interim: {number}\r\n\r\n");
                let response = response.into_wire(LAST, length, length);
                Wire::of([interim.as_bytes(), &response].concat().into()).readable(status)
            }
            Self::Headers { count, bytes } => {
                let value = "x".repeat(*bytes);
                let added: String =
                    (0..*count).map(|index| format!("x-more-{index}: {value}\r\n")).collect();
                let response = response.into_wire(&(added + LAST), length, length);
                Wire::of(response).readable(status)
            }
            _ => return Delivery::Whole(response),
        })
    }
}

fn deep(depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!(r#"{{"code":20000,"msg":"ok","data":{open}{close}}}"#)
}

fn with_status(number: u16, origin: &str) -> Response {
    let status = response::status(number);
    let mut response = Response::status(status, status.canonical_reason().unwrap_or("error"));
    if status.is_redirection() {
        response.location = HeaderValue::from_str(&format!("{origin}/redirected")).ok();
    }
    response
}

fn echo(request: &Received) -> Response {
    let secrets = if request.route == Route::Token {
        format!("{} {}", request.parts.uri, String::from_utf8_lossy(&request.body))
    } else {
        request
            .authorization()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default()
    };
    Response::status(StatusCode::INTERNAL_SERVER_ERROR, &format!("请求处理失败: {secrets}"))
}
