//! Helpers that run wasmtime's command line.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

use oge_mock_platform::{Mock, Options};

/// Starts a mock with default options.
pub async fn mock() -> Mock {
    Mock::start(Options::default()).await.expect("a port on loopback")
}

/// Starts a mock on which each login ends the tokens before it.
pub async fn single_session_mock() -> Mock {
    Mock::start(Options::default().single_session(true)).await.expect("a port on loopback")
}

/// Returns `wasmtime SUBCOMMAND` with these settings, passed by name so that no value is in the command line.
pub fn wasmtime(subcommand: &str, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stock-wasmtime"));
    command.arg(subcommand).env_clear().envs(settings.iter().cloned()).stdin(Stdio::null());
    for (key, _) in settings {
        command.args(["--env", key]);
    }
    command
}

/// Returns `oge SUBCOMMAND` with these settings in its environment.
pub fn oge(subcommand: &str, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oge-command"));
    command.arg(subcommand).env_clear().envs(settings.iter().cloned()).stdin(Stdio::null());
    command
}

/// Adds a component to a command of `wasmtime`. It is compiled once for all tests: that takes a second or more, and a
/// start from compiled code some milliseconds.
pub fn add_component(command: &mut Command, component: &Path) {
    command.arg("--allow-precompiled").arg(precompiled(component));
}

/// Compiles a component with `wasmtime compile`, once for all tests.
pub fn precompiled(component: &Path) -> PathBuf {
    static COMPILED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let name = component.file_stem().expect("a name");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("cwasm");
    let mut compiled = COMPILED.lock().expect("no test panics with it");
    if !compiled.contains(&to) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stock-wasmtime"));
        command.arg("compile").arg(component).arg("-o").arg(&to);
        assert!(command.status().expect("wasmtime runs").success());
        compiled.push(to.clone());
    }
    to
}

/// Calls one function of the standalone component with `wasmtime run`.
pub fn invoke(settings: &[(String, String)], call: &str) -> CommandOutput {
    let mut command = wasmtime("run", settings);
    command.args(["-S", "http", "--invoke", call]);
    add_component(&mut command, oge_artifacts::standalone());
    CommandOutput::of(command)
}

/// Calls one function with a token file in `directory`.
pub fn invoke_with_file(
    settings: &[(String, String)],
    directory: &Path,
    call: &str,
) -> CommandOutput {
    CommandOutput::of(command_with_file(settings, directory, call))
}

/// Starts such a call without waiting for its end.
pub fn spawn_with_file(settings: &[(String, String)], directory: &Path, call: &str) -> Child {
    let mut command = command_with_file(settings, directory, call);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("wasmtime runs")
}

fn command_with_file(settings: &[(String, String)], directory: &Path, call: &str) -> Command {
    let mut settings = settings.to_vec();
    settings.push(("OGE_TOKEN_FILE".to_owned(), "/state/token".to_owned()));
    let mut command = wasmtime("run", &settings);
    command.arg("--dir").arg(format!("{}::/state", directory.display()));
    command.args(["-S", "http", "--invoke", call]);
    add_component(&mut command, oge_artifacts::standalone());
    command
}

/// The output of a command.
pub struct CommandOutput {
    pub result: String,
    pub log: String,
}

impl CommandOutput {
    pub fn of(mut command: Command) -> Self {
        let Output { stdout, stderr, .. } = command.output().expect("wasmtime runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { result: text(stdout), log: text(stderr) }
    }

    /// Asserts that it succeeded and that its result has these parts.
    pub fn holds(&self, parts: &[&str]) {
        assert!(self.result.starts_with("ok("), "{}\n{}", self.result, self.log);
        self.has(parts);
    }

    /// Asserts that its result has these parts.
    pub fn has(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.result.contains(part), "no {part} in {}\n{}", self.result, self.log);
        }
    }
}
