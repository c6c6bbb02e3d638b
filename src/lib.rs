//! The tools of OGE (Open Geospatial Engine). Expired tokens are refreshed and the request is
//! retried once.
//!
//! This library is the core that every shell links: pure, `no_std`, generic over three small traits
//! ([`client::Transport`], [`token::TokenStore`], [`client::Clock`]). Data flows one way: arguments →
//! [`tools`] (request) → [`client`] → a transport → the platform → [`outcome`] → [`tools`] (result).
//!
//! Built for `wasm32-wasip2` with the feature `exports`, the library is also the tools component. The
//! module `wasi` is that shell and the only code that uses bindings.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod api;
pub mod auth;
pub mod authorization;
pub mod body_buffer;
pub mod client;
pub mod encoding;
pub mod envelope;
pub mod error;
pub mod json;
pub mod jwt;
pub mod log;
pub mod outcome;
pub mod pauses;
pub mod request;
pub mod response;
pub mod retry_after;
pub mod rfc3339;
pub mod secret;
pub mod settings;
pub mod settings_file;
pub mod token;
pub mod tools;
pub mod trace;
pub mod url;
#[cfg(target_family = "wasm")]
pub mod wasi;
