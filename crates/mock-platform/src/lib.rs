//! A mock of the OGE platform for tests, demonstrations and benchmarks.
//!
//! It listens on 127.0.0.1 on a port of its own, answers like the platform does, misbehaves on
//! request, remembers what it was asked, and stops when it is dropped. It never contacts anyone.
//! It runs on a thread and a runtime of its own, so a test that blocks cannot starve it.
//!
//! # A call, an expiry, a fault
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use oge_mock_platform::{Mock, Fault, Options, Outcome, Route};
//!
//! /// Any HTTP client does; this one asks for the state of a task and returns the whole answer.
//! fn state(mock: &Mock, authorization: &str) -> std::io::Result<String> {
//!     let address = mock.origin().trim_start_matches("http://");
//!     let mut stream = std::net::TcpStream::connect(address)?;
//!     write!(
//!         stream,
//!         "GET /api/oge-dag-22/getState?dagId=d1 HTTP/1.1\r\nHost: {address}\r\n\
//!          Authorization: {authorization}\r\nContent-Type: application/json\r\n\
//!          Connection: close\r\n\r\n",
//!     )?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     Ok(answer)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mock = Mock::start(Options::default()).await?;
//! mock.start_task("d1");
//!
//! // A token that was never asked for, as a user pastes it into `OGE_TOKEN`. It is good for
//! // one call, although its `exp` lies in the future.
//! let token = mock.issue_token();
//! mock.expire_after(1);
//! assert!(state(&mock, &token)?.ends_with("starting"));
//! assert!(state(&mock, &token)?.contains(r#""code":40003"#));
//!
//! // The next request is answered with a 502, whatever token it carries; then all is well.
//! mock.fail_times(Route::GetState, 1, Fault::Status(502));
//! let token = mock.issue_token();
//! assert!(state(&mock, &token)?.starts_with("HTTP/1.1 502"));
//! assert!(state(&mock, &token)?.ends_with("running"));
//!
//! // What happened, in order.
//! let story: Vec<Outcome> = mock.story().iter().map(|request| request.outcome).collect();
//! assert_eq!(story, [Outcome::Accepted, Outcome::Expired, Outcome::Fault, Outcome::Accepted]);
//! assert_eq!(mock.requests(Route::GetState)[0].query_value("dagId"), Some("d1"));
//! # Ok(())
//! # }
//! ```
//!
//! # The order in which a request meets the rules
//!
//! 1. The body is read to its end, and the method, type and JSON are looked at.
//! 2. Under one lock, in one step: a [`Fault`] that answers in the platform's place, the token
//!    check, the verdict on the request itself (405, 415, 400, refused credentials), a body set
//!    with [`Mock::response`], the platform's own answer. The request is recorded in the same step,
//!    so the order of the records is the order of the decisions.
//! 3. The latency and a [`Fault::Delay`] pass, and the answer is delivered, spoiled where a fault
//!    says so.
//!
//! # What it does not do
//!
//! It does not verify signatures (its own are made up), compute anything, or speak TLS or HTTP/2.

mod account_lock;
mod body;
mod clock;
mod dags;
mod delivery;
mod digest;
mod expired;
mod fault;
mod journal;
mod jwt;
mod marked;
mod mock;
mod options;
mod platform;
mod received;
mod record;
mod response;
mod route;
mod routes;
mod schedule;
mod server;
mod tokens;
mod urlencoded;

pub use expired::ExpiredForm;
pub use fault::Fault;
pub use marked::assert_unmarked;
pub use mock::Mock;
pub use options::{Credentials, Options, TokenStyle};
pub use record::{Event, Outcome, Recorded};
pub use route::Route;
