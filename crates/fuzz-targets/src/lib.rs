//! Properties of every input: from the platform, the authority, an assistant, an operator or the token file.
//!
//! A target takes bytes and panics if a property is violated. The fuzzer in `fuzz/` generates the bytes. This
//! crate's tests run the same targets on the seeds and on mutations of them.
//!
//! A backtick in an input is replaced by a secret: the sent token or a password. So a secret can be anywhere in
//! an input, and a target asserts that no output shows it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a violated property is a panic"
)]

mod access;
mod api;
mod arguments;
mod claims;
mod input;
mod login;
mod mcp;
mod platform;
mod response;
mod settings;
mod token_file;
mod url;

/// Panics if a property of these bytes is violated.
pub type Target = fn(&[u8]);

/// Every target with the name of its folder of seeds.
pub const TARGETS: [(&str, Target); 11] = [
    ("access", access::target),
    ("api", api::target),
    ("arguments", arguments::target),
    ("claims", claims::target),
    ("login", login::target),
    ("mcp", mcp::target),
    ("response", response::target),
    ("settings", settings::target),
    ("token_file", token_file::target),
    ("tools", platform::target),
    ("url", url::target),
];

/// Runs one target.
///
/// # Panics
/// If there is no such target, or if a property is violated.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.expect("a target of this name").1(data);
}
