//! A mock of the OGE platform for tests, demonstrations and benchmarks.
//!
//! It listens on a port of 127.0.0.1, responds like the platform, injects faults, records the requests,
//! and stops when it is dropped. It makes no outgoing connection. It has its own thread and runtime, so
//! that a test that blocks does not block the mock.
//!
//! # A call, an expiry, a fault
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use oge_mock_platform::{Mock, Fault, Options, Outcome, Route};
//!
//! /// Queries the state of a task and returns the whole response. Any HTTP client works.
//! fn state(mock: &Mock, authorization: &str) -> std::io::Result<String> {
//!     let address = mock.origin().trim_start_matches("http://");
//!     let mut stream = std::net::TcpStream::connect(address)?;
//!     write!(
//!         stream,
//!         "GET /api/oge-dag-22/getState?dagId=d1 HTTP/1.1\r\nHost: {address}\r\n\
//!          Authorization: {authorization}\r\nContent-Type: application/json\r\n\
//!          Connection: close\r\n\r\n",
//!     )?;
//!     let mut response = String::new();
//!     stream.read_to_string(&mut response)?;
//!     Ok(response)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mock = Mock::start(Options::default()).await?;
//! mock.start_task("d1");
//!
//! // A token for `OGE_TOKEN`, without a login. It is valid for one call, although its `exp` is in
//! // the future.
//! let token = mock.issue_token();
//! mock.expire_after(1);
//! assert!(state(&mock, &token)?.ends_with("starting"));
//! assert!(state(&mock, &token)?.contains(r#""code":40003"#));
//!
//! // The next request gets a 502, whatever its token; the ones after it succeed.
//! mock.fail_times(Route::GetState, 1, Fault::Status(502));
//! let token = mock.issue_token();
//! assert!(state(&mock, &token)?.starts_with("HTTP/1.1 502"));
//! assert!(state(&mock, &token)?.ends_with("running"));
//!
//! // What happened, in order.
//! let story: Vec<Outcome> = mock.all_requests().iter().map(|request| request.outcome).collect();
//! assert_eq!(story, [Outcome::Accepted, Outcome::Expired, Outcome::Fault, Outcome::Accepted]);
//! assert_eq!(mock.requests(Route::GetState)[0].query_value("dagId"), Some("d1"));
//! # Ok(())
//! # }
//! ```
//!
//! # How a request is processed
//!
//! 1. The body is read to its end; method, content type and JSON are parsed.
//! 2. One step under one lock decides on the response. The first that applies wins: a [`Fault`] that
//!    replaces the response, an expired token, a bad request (405, 415, 400 or rejected credentials), a
//!    body set with [`Mock::response`], the platform's own response. The same step records the request,
//!    so the records have the order of the decisions.
//! 3. After the latency and a [`Fault::Delay`], the response is sent, changed by a fault if there is one.
//!
//! # Limits
//!
//! It does not verify signatures (its own are not valid), compute anything (the mountains of its map tiles are
//! invented), or support TLS or HTTP/2.

mod account_lock;
mod aspect;
mod body;
mod clock;
mod dags;
mod delivery;
mod digest;
mod expired;
mod extent;
mod fault;
mod journal;
mod jwt;
mod marked;
mod mock;
mod options;
mod platform;
mod png;
mod received;
mod record;
mod relief;
mod reserved_port;
mod response;
mod route;
mod routes;
mod schedule;
mod server;
mod tile;
mod tokens;
mod urlencoded;

pub use expired::ExpiredForm;
pub use extent::MOUNT_TAI;
pub use fault::Fault;
pub use marked::assert_no_secret;
pub use mock::Mock;
pub use options::{Credentials, Options, TokenStyle};
pub use record::{Event, Outcome, Recorded};
pub use reserved_port::ReservedPort;
pub use route::Route;
