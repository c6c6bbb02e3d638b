//! The components on wasmtime's own command line.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::native::settings;
use super::{Client, Way, call};
use crate::fake::FakeProcess;
use crate::role::Role;

/// `wasmtime SUBCOMMAND` with these settings and a token file in `state`.
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

/// What `wasmtime compile` makes of a component, once: a process that runs it has the file mapped.
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

/// `wasmtime serve` of a component that was compiled ahead of time.
pub(crate) struct Served {
    child: Child,
    _state: TempDir,
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
}

impl Served {
    pub(crate) fn start(component: &Path, settings: &[(String, String)]) -> anyhow::Result<Self> {
        let state = tempfile::tempdir()?;
        let mut command = wasmtime("serve", settings, state.path())?;
        command.args(["-S", "cli", "--addr", "127.0.0.1:0", "--allow-precompiled"]);
        command.arg(precompiled(component)?).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut log = BufReader::new(child.stderr.take().context("a pipe")?).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split("http://").nth(1)?.trim_end_matches('/').to_owned()))
            .context("no address in what serve says")?;
        // It would block on a full pipe.
        thread::spawn(move || log.for_each(drop));
        Ok(Self { child, _state: state, origin: format!("http://{address}") })
    }

    /// The standalone component behind an HTTP handler, asked for a task's state.
    pub(crate) fn tools(fake: &FakeProcess) -> anyhow::Result<Way> {
        let served = Self::start(oge_artifacts::gateway(), fake.settings())?;
        let client = Client::new(&settings(fake.settings())?);
        let uri: http::Uri = served.origin.parse()?;
        let status = call(move || {
            // It serves for as long as it can be asked.
            let _ = &served;
            let (client, uri) = (client.clone(), uri.clone());
            async move { client.get(uri).await }
        });
        Ok(Way { name: "wasmtime serve", status, query: None })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
