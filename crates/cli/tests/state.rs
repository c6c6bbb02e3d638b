//! Where the command keeps its token between calls, and what successive calls share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use oge_mock_platform::{Mock, Options, Route};
use tempfile::tempdir;

const CALL: [&str; 5] = ["call", "query_task_status", "--dag-id", "d", "--json"];

/// Runs the command with the user's state directory below `home`.
fn oge(arguments: &[&str], settings: &[(String, String)], home: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oge"));
    command.args(arguments).env_clear().envs(settings.iter().cloned()).stdin(Stdio::null());
    for key in ["XDG_STATE_HOME", "LOCALAPPDATA", "HOME"] {
        command.env(key, home);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

async fn mock() -> Mock {
    Mock::start(Options::default().single_session(true)).await.unwrap()
}

fn wrong(mock: &Mock) -> Vec<(String, String)> {
    let mut settings = mock.settings();
    settings.push(("OGE_TOKEN_PASSWORD".to_owned(), "wrong".to_owned()));
    settings
}

/// Returns every file below `directory` except the compiled code.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.filter(|path| !path.ends_with(".cache")).flat_map(below).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn successive_calls_share_a_login_that_only_its_owner_can_read() {
    let (mock, home) = (mock().await, tempdir().unwrap());
    for _ in 0..3 {
        let output = oge(&CALL, &mock.settings(), home.path());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty() || !text(&output.stderr).contains("memory"), "{output:?}");
    }
    assert_eq!(mock.count(Route::Token), 1);
    let kept = files(home.path());
    assert_eq!(kept.len(), 1, "{kept:?}");
    #[cfg(unix)]
    for (path, mode) in [(kept[0].as_path(), 0o600), (kept[0].parent().unwrap(), 0o700)] {
        let permissions = fs::metadata(path).unwrap().permissions();
        let found = std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_costs_one_login_and_one_for_a_check() {
    let (mock, home) = (mock().await, tempdir().unwrap());
    for _ in 0..8 {
        let output = oge(&CALL, &wrong(&mock), home.path());
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stdout).contains("not tried again for"), "{output:?}");
    }
    assert_eq!(mock.count(Route::Token), 1);
    for _ in 0..4 {
        assert_eq!(oge(&["check"], &wrong(&mock), home.path()).status.code(), Some(1));
        assert_eq!(oge(&CALL, &wrong(&mock), home.path()).status.code(), Some(1));
    }
    assert_eq!(mock.count(Route::Token), 2);
    assert_eq!(oge(&CALL, &mock.settings(), home.path()).status.code(), Some(0));
    assert_eq!(mock.count(Route::Token), 3, "the right one is tried at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_names_another_file_and_accounts_do_not_share_it() {
    let (one, other, home) = (mock().await, mock().await, tempdir().unwrap());
    let with_file = |mock: &Mock| {
        let path = home.path().join("mine/token").to_str().unwrap().to_owned();
        let mut settings = mock.settings();
        settings.push(("OGE_TOKEN_FILE".to_owned(), path));
        settings
    };
    for _ in 0..3 {
        for mock in [&one, &other] {
            let output = oge(&CALL, &with_file(mock), home.path());
            assert_eq!(output.status.code(), Some(0), "{output:?}");
        }
    }
    assert_eq!((one.count(Route::Token), other.count(Route::Token)), (1, 1));
    let kept = files(&home.path().join("mine"));
    assert_eq!((kept.len(), files(home.path()).len()), (2, 2), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_directory_the_token_is_in_memory_with_a_warning() {
    let (mock, home) = (mock().await, tempdir().unwrap());
    let occupied = home.path().join("oge");
    fs::write(&occupied, "a file").unwrap();
    let output = oge(&CALL, &mock.settings(), home.path());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let warning = text(&output.stderr);
    assert!(warning.contains("kept in memory"), "{warning}");
    assert!(warning.contains("OGE_TOKEN_FILE"), "{warning}");
}
