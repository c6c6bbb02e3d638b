//! How the tests run the command.

use std::process::{Command, Output, Stdio};

use oge_mock_platform::{Mock, Options};

/// Returns the command with these settings as its whole environment.
pub(crate) fn oge(arguments: &[&str], settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oge"));
    command.args(arguments).env_clear().envs(settings.iter().cloned()).stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub(crate) fn run(arguments: &[&str], settings: &[(String, String)]) -> Output {
    oge(arguments, settings).output().unwrap()
}

/// Returns the text of an output.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Starts a mock with default options.
pub(crate) async fn mock() -> Mock {
    Mock::start(Options::default()).await.unwrap()
}
