//! Every credential has a marker, and no output or file of the command has one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use oge_mock_platform::{Credentials, Fault, Mock, Options, Route, assert_no_secret};

/// Runs the command with `folder` as its home, cache and working directory.
fn oge(folder: &Path, arguments: &[&str], settings: &[(String, String)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oge"));
    command.args(arguments).env_clear().envs(settings.iter().cloned());
    for key in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env(key, folder);
    }
    command.current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn assert_clean(output: &Output) {
    assert_no_secret(&format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ));
}

const CALL: [&str; 4] = ["call", "query_task_status", "--dag-id", "d"];

#[tokio::test]
async fn no_failure_prints_a_secret_and_only_the_token_is_left() {
    let options = Options::default().credentials(Credentials::marked());
    let mock = Mock::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = mock.settings();
    settings.push(("OGE_LOG".to_owned(), "debug".to_owned()));
    settings.push(("RUST_BACKTRACE".to_owned(), "full".to_owned()));
    settings.push(("RUST_LOG".to_owned(), "trace".to_owned()));
    settings.push(("MINE".to_owned(), "eyJhbGciOiJIUzI1NiJ9.TUFSS0VSTUFSS0VS.c2ln".to_owned()));
    let response = |status, body: &'static str| Fault::Response {
        status,
        content_type: "application/json".to_owned(),
        body: body.into(),
    };
    for (route, fault) in [
        (Route::Other, Fault::Cut),
        (Route::GetState, Fault::EchoToken),
        (Route::Token, Fault::EchoToken),
        (Route::Token, Fault::Cut),
        (Route::Token, response(200, r#"{"code":200,"data":{"jwt":"eyJhbGci.MARKER.c2ln"}}"#)),
        (Route::Token, response(200, r#"{"data":{"token":"eyJ\nMARKER"}}"#)),
    ] {
        mock.clear_all_faults();
        // Deletes the state, so that a failed login does not delay the next one.
        let _ = std::fs::remove_dir_all(folder.path().join("oge"));
        let echoes = fault == Fault::EchoToken;
        mock.fail(route, fault);
        assert_clean(&oge(folder.path(), &CALL, &settings));
        if echoes {
            assert_clean(&oge(folder.path(), &[&CALL[..], &["--json"]].concat(), &settings));
            assert_clean(&oge(folder.path(), &["check"], &settings));
            let mine = [&CALL[..], &["--auth-token-env", "MINE"]].concat();
            assert_clean(&oge(folder.path(), &mine, &settings));
        }
    }
    // It leaves only its compiled code and its state.
    let left = std::fs::read_dir(folder.path()).unwrap().map(|left| left.unwrap().file_name());
    assert_eq!(
        left.filter(|name| name != "wasmtime" && name != "oge").collect::<Vec<_>>(),
        Vec::<OsString>::new()
    );
}
