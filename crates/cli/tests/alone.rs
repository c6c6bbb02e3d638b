//! The command is a single file: it runs in an empty root file system, as in an empty container.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use oge_mock_platform::{Mock, Options};
use tempfile::tempdir;

const OGE: &str = env!("CARGO_BIN_EXE_oge");

/// Copies the command and the system libraries that it is linked with.
fn fill(root: &Path) {
    let linked = Command::new("ldd").arg(OGE).output().unwrap();
    let linked = String::from_utf8(linked.stdout).unwrap();
    let libraries = linked.split_whitespace().filter(|word| word.starts_with('/'));
    for library in libraries {
        let copy = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(library, copy).unwrap();
    }
    fs::copy(OGE, root.join("oge")).unwrap();
}

/// Runs the copy with `root` as its file system. `--map-root-user` allows that without being root.
fn run(root: &Path, arguments: &[&str], settings: &[(String, String)]) -> Output {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--root"]).arg(root).arg("/oge").args(arguments);
    command.env_clear().env("PATH", "/usr/bin:/bin").envs(settings.iter().cloned());
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_needs_no_other_file() {
    let root = tempdir().unwrap();
    fill(root.path());
    let mock = Mock::start(Options::default()).await.unwrap();
    for arguments in [&["demo"][..], &["check"], &["call", "query_task_status", "--dag-id", "d"]] {
        let output = run(root.path(), arguments, &mock.settings());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    }
}
