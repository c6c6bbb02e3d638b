//! `OGE_TOKEN_FILE`: one token for any number of processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oge_mock_platform::{Mock, Options, Route};
use tempfile::tempdir;
use tokio::time::Instant;

use crate::command::{invoke, invoke_with_file, mock, single_session_mock, spawn_with_file};

const CALL: &str = r#"query-task-status("d", none)"#;

/// Returns the only file in `directory`.
fn file_in(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let [file] = &entries.collect::<Vec<_>>()[..] else { panic!("not one file") };
    file.clone()
}

/// Returns the settings with another value of `name`.
fn with(settings: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let mut settings: Vec<_> = settings.iter().filter(|(key, _)| key != name).cloned().collect();
    settings.push((name.to_owned(), value.to_owned()));
    settings
}

/// Returns the allowed logins with a wrong password since `started`: a second one after a minute.
fn tries_since(started: Instant) -> usize {
    1 + usize::from(started.elapsed() > Duration::from_secs(60))
}

#[tokio::test]
async fn one_login_serves_many_processes() {
    let mock = single_session_mock().await;
    let directory = tempdir().unwrap();
    for _ in 0..5 {
        invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    }
    assert_eq!(mock.count(Route::Token), 1);
    mock.revoke_tokens();
    invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 2"]);
    invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    assert_eq!(mock.count(Route::Token), 2);
    // No lock file and no temporary file is left.
    let name = file_in(directory.path()).file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.starts_with("token-") && name.len() == "token-".len() + 16, "{name}");
}

#[tokio::test]
async fn without_a_file_each_process_logs_in() {
    let mock = mock().await;
    for _ in 0..3 {
        invoke(&mock.settings(), CALL).holds(&["attempts: 1"]);
    }
    assert_eq!(mock.count(Route::Token), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_with_one_expired_token_log_in_once() {
    let mock = single_session_mock().await;
    let directory = tempdir().unwrap();
    invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    mock.revoke_tokens();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&[]));
        }
    });
    assert_eq!(mock.count(Route::Token), 2);
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_ignored_with_a_warning() {
    let mock = mock().await;
    let directory = tempdir().unwrap();
    invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    let file = file_in(directory.path());
    for (logins, content) in (1..).zip(["{\"format\":\"oge-token/2\",\"rec", "eyJ.MARKER.x", "[]"])
    {
        fs::write(&file, content).unwrap();
        let output = invoke_with_file(&mock.settings(), directory.path(), CALL);
        output.holds(&["attempts: 1"]);
        assert!(output.log.contains("OGE_TOKEN_FILE holds no token"), "{}", output.log);
        assert!(!output.log.contains("MARKER"));
        assert_eq!(mock.count(Route::Token), logins + 1);
        invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
        assert_eq!(mock.count(Route::Token), logins + 1, "the file was rewritten");
    }
}

#[tokio::test]
async fn a_file_outside_the_opened_directories_is_not_configured() {
    let mock = mock().await;
    let mut settings = mock.settings();
    settings.push(("OGE_TOKEN_FILE".to_owned(), "/elsewhere/token".to_owned()));
    invoke(&settings, CALL).has(&["kind: not-configured", "OGE_TOKEN_FILE", "--dir"]);
    assert!(mock.all_requests().is_empty());
}

#[tokio::test]
async fn accounts_in_one_directory_do_not_share_token_or_rejection() {
    let (one, other) = (single_session_mock().await, single_session_mock().await);
    let directory = tempdir().unwrap();
    let wrong = with(&one.settings(), "OGE_TOKEN_PASSWORD", "wrong");
    let bob = with(&wrong, "OGE_TOKEN_USERNAME", "bob");
    let started = Instant::now();
    for _ in 0..3 {
        invoke_with_file(&one.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
        invoke_with_file(&other.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
        invoke_with_file(&bob, directory.path(), CALL).has(&["kind: token-store", "attempts: 0"]);
    }
    let tries = one.count(Route::Token) - 1;
    assert!((1..=tries_since(started)).contains(&tries), "{tries} logins");
    assert_eq!(other.count(Route::Token), 1);
}

#[tokio::test]
async fn a_changed_oge_token_is_used() {
    let mock = mock().await;
    let directory = tempdir().unwrap();
    invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    for _ in 0..2 {
        let mine = with(&mock.settings(), "OGE_TOKEN", &mock.issue_token());
        let logins = mock.count(Route::Token);
        invoke_with_file(&mine, directory.path(), CALL).holds(&["attempts: 1"]);
        mock.revoke_tokens();
        invoke_with_file(&mine, directory.path(), CALL).holds(&["attempts: 2"]);
        invoke_with_file(&mine, directory.path(), CALL).holds(&["attempts: 1"]);
        assert_eq!(mock.count(Route::Token), logins + 1);
    }
}

/// If a process is killed during its login, the next one logs that it waits and takes over within ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_lock_holder_is_replaced() {
    let slow = Options::default().latency(Duration::from_millis(1500));
    let mock = Mock::start(slow).await.unwrap();
    // The time of a call without a lock to wait for.
    let started = Instant::now();
    invoke_with_file(&mock.settings(), tempdir().unwrap().path(), CALL).holds(&["attempts: 1"]);
    let usual = started.elapsed();
    let directory = tempdir().unwrap();
    let mut holder = spawn_with_file(&mock.settings(), directory.path(), CALL);
    while mock.count(Route::Token) == 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    let started = Instant::now();
    let output = invoke_with_file(&mock.settings(), directory.path(), CALL);
    output.holds(&["attempts: 1"]);
    assert!(output.log.contains("info token-store: waiting for the login"), "{}", output.log);
    assert!(started.elapsed() < Duration::from_secs(10) + 2 * usual, "{:?}", started.elapsed());
    file_in(directory.path());
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_as_token_file_is_ignored_with_a_warning() {
    let mock = mock().await;
    let directory = tempdir().unwrap();
    invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    let file = file_in(directory.path());
    fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    let output = invoke_with_file(&mock.settings(), directory.path(), CALL);
    output.holds(&["attempts: 1"]);
    assert!(output.log.contains("OGE_TOKEN_FILE is no regular file"), "{}", output.log);
}

#[tokio::test]
async fn processes_share_a_rejection_until_the_credentials_change() {
    let mock = mock().await;
    let directory = tempdir().unwrap();
    let wrong = with(&mock.settings(), "OGE_TOKEN_PASSWORD", "wrong");
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let output = invoke_with_file(&wrong, directory.path(), CALL);
                    output.has(&["kind: token-store", "not tried again for", "OGE_TOKEN_PASSWORD"]);
                }
            });
        }
    });
    let tries = mock.count(Route::Token);
    assert!((1..=tries_since(started)).contains(&tries), "{tries} logins");
    invoke_with_file(&mock.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    assert_eq!(mock.count(Route::Token), tries + 1);
}
