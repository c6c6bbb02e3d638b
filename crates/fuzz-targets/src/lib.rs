//! What must hold of every input, whoever wrote it: the platform, the authority, an assistant, an
//! operator, or whoever else can write the token file.
//!
//! A target takes bytes and panics where a property does not hold. The fuzzer in `fuzz/` finds the
//! bytes by itself; this crate's tests try the same targets on the seeds and on mutations of them, so
//! what is fuzzed now and then is tested always.
//!
//! In every input a backtick stands for a secret: the token that was sent, or a password. So a secret
//! may stand anywhere in an answer, and a target can say where it must not come out again.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a property that does not hold is a panic"
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

/// Panics where a property does not hold of these bytes.
pub type Target = fn(&[u8]);

/// Every target under the name of its folder of seeds.
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

/// Tries one target.
///
/// # Panics
/// Where there is no such target, or a property of it does not hold.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.expect("a target of this name").1(data);
}
