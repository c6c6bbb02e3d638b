//! The components on wasmtime's own command line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};

use super::{Served, Way};
use crate::mock::MockProcess;
use crate::role::Role;

/// Returns `wasmtime SUBCOMMAND` with these settings and a token file in `state`.
pub(crate) fn wasmtime(
    subcommand: &str,
    settings: &[(String, String)],
    state: &Path,
) -> anyhow::Result<Command> {
    let mut command = Role::Wasmtime.command()?;
    command.arg(subcommand).args(["--env", "OGE_TOKEN_FILE=/state/token"]);
    for (key, value) in settings {
        command.env(key, value).args(["--env", key]);
    }
    command.arg("--dir").arg(format!("{}::/state", state.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

/// Compiles a component once. The file is not rewritten, since running processes have it mapped.
pub(crate) fn precompiled(component: &Path) -> anyhow::Result<PathBuf> {
    static COMPILED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let name = component.file_stem().context("a name")?;
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("bench.cwasm");
    if !COMPILED.lock().unwrap_or_else(PoisonError::into_inner).insert(to.clone()) {
        return Ok(to);
    }
    let compiled =
        Role::Wasmtime.command()?.arg("compile").arg(component).arg("-o").arg(&to).status()?;
    ensure!(compiled.success(), "{} does not compile", component.display());
    Ok(to)
}

/// Starts `wasmtime serve` of a precompiled component.
pub(crate) fn serve(component: &Path, settings: &[(String, String)]) -> anyhow::Result<Served> {
    let state = tempfile::tempdir()?;
    let mut command = wasmtime("serve", settings, state.path())?;
    command.args(["-S", "cli", "--addr", "127.0.0.1:0", "--allow-precompiled"]);
    command.arg(precompiled(component)?);
    Served::start(command, state)
}

/// Returns the way through the gateway in `wasmtime serve`.
pub(crate) fn served(mock: &MockProcess) -> anyhow::Result<Way> {
    serve(oge_artifacts::gateway(), mock.settings())?.way("wasmtime serve", mock.settings())
}
