//! The gateway in wasmCloud's runtime, where `benches/wasmcloud` has been built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Served, Way};
use crate::fake::FakeProcess;

const BUILD: &str = "cargo build --release --locked --manifest-path benches/wasmcloud/Cargo.toml \
                     --target-dir target/wasmcloud";

/// Nothing where there is no program.
pub(crate) fn wasmcloud(fake: &FakeProcess) -> anyhow::Result<Option<Way>> {
    let Some(program) = program() else {
        println!("NOT RUN: wasmCloud's runtime, which this builds: {BUILD}");
        return Ok(None);
    };
    let state = tempfile::tempdir()?;
    let mut command = Command::new(program);
    command.env_clear().envs(fake.settings().iter().cloned()).env("OGE_TOKEN_FILE", "/state/token");
    command.arg(oge_artifacts::gateway()).arg(state.path());
    // It ends with its input, also where this program is killed.
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    Served::start(command, state)?.way("wasmCloud", fake.settings()).map(Some)
}

/// The one that `OGE_BENCH_WASMCLOUD` names, else the one that the command leaves.
fn program() -> Option<PathBuf> {
    let ours = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .with_file_name("wasmcloud")
        .join("release/oge-wasmcloud");
    std::env::var_os("OGE_BENCH_WASMCLOUD").map(PathBuf::from).or(ours.exists().then_some(ours))
}
