//! The reference host: runs the OGE tools component on wasmtime and holds its token.
//!
//! Each call gets a new instance. Requests go through one pooled client, to allowed origins only. Credentials
//! never enter the sandbox. A guest that uses too much CPU time, memory or wall-clock time is stopped with an
//! error that names the limit.
//!
//! ```no_run
//! use oge_host::Host;
//! use oge_tools::tools::{QueryTaskStatus, query_task_status};
//!
//! # async fn example() -> anyhow::Result<()> {
//! let component = std::fs::read("oge-tools.wasm")?;
//! // OGE_DAG_URL, OGE_TOKEN_URL, … from the environment.
//! let host = Host::builder(component).settings(oge_host::environment()?).build()?;
//!
//! let arguments = query_task_status::Arguments { dag_id: "dag-1".into(), auth_token: None };
//! match host.run::<QueryTaskStatus>(&arguments).await {
//!     Ok(done) => println!("{} after {:?}", done.output.status, done.elapsed),
//!     Err(error) => eprintln!("{error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! To use another source of tokens, implement [`TokenStore`] and pass it to [`HostBuilder::token_store`].

mod authorities;
mod bindings;
mod builder;
mod client;
mod connection;
mod cpu;
mod engine;
mod environment;
mod from_wit;
mod guest;
mod guest_log;
mod host;
mod http_error;
mod known;
mod limits;
mod outgoing;
mod password_login;
mod resolver;
mod state;
mod store;
pub mod token_store;
mod tools;
mod wasi_cli;

pub use builder::HostBuilder;
pub use client::HttpClient;
pub use environment::environment;
pub use guest_log::LogSink;
pub use host::{CallError, Host};
pub use known::HostSecrets;
pub use limits::{LimitExceeded, Limits};
pub use oge_token::ConfiguredToken;
pub use password_login::PasswordLogin;
#[doc(hidden)]
pub use store::to_http;
pub use store::{Authority, NativeStore, StateDirectory};
pub use token_store::TokenStore;
pub use tools::GuestTool;
