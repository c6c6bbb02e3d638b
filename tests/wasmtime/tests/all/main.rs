//! Tests of the components on wasmtime's own command line.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]
#![allow(unreachable_pub, reason = "modules of one binary")]

mod command;
mod config;
mod fleet;
mod mcp;
mod run;
mod sandbox;
mod secrets;
mod serve;
mod settings_file;
#[cfg(target_os = "linux")]
mod soak;
mod token_file;
mod token_requests;
mod wrong_credentials;
