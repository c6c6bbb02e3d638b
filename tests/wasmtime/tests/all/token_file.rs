//! `OGE_TOKEN_FILE`: one token for any number of processes.

use std::fs;

use oge_fake::Route;
use tempfile::tempdir;

use crate::command::{fake, invoke, invoke_with_file, jealous_fake};

const CALL: &str = r#"query-task-status("d", none)"#;

#[tokio::test]
async fn one_login_serves_call_after_call() {
    let fake = jealous_fake().await;
    let directory = tempdir().unwrap();
    for _ in 0..5 {
        invoke_with_file(&fake.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    }
    assert_eq!(fake.count(Route::Token), 1);
    fake.revoke_tokens();
    invoke_with_file(&fake.settings(), directory.path(), CALL).holds(&["attempts: 2"]);
    invoke_with_file(&fake.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    assert_eq!(fake.count(Route::Token), 2);
    let left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["token"], "no lock and no half-written file stay behind");
}

#[tokio::test]
async fn without_a_file_each_process_logs_in() {
    let fake = fake().await;
    for _ in 0..3 {
        invoke(&fake.settings(), CALL).holds(&["attempts: 1"]);
    }
    assert_eq!(fake.count(Route::Token), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_meet_one_expiry_log_in_once() {
    let fake = jealous_fake().await;
    let directory = tempdir().unwrap();
    invoke_with_file(&fake.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    fake.revoke_tokens();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| invoke_with_file(&fake.settings(), directory.path(), CALL).holds(&[]));
        }
    });
    assert_eq!(fake.count(Route::Token), 2);
}

#[tokio::test]
async fn a_torn_or_foreign_file_is_ignored_with_a_warning() {
    let fake = fake().await;
    for (logins, content) in
        ["{\"format\":\"oge-token/1\",\"rec", "eyJ.MARKER.x", "[]"].iter().enumerate()
    {
        let directory = tempdir().unwrap();
        fs::write(directory.path().join("token"), content).unwrap();
        let told = invoke_with_file(&fake.settings(), directory.path(), CALL);
        told.holds(&["attempts: 1"]);
        assert!(told.log.contains("OGE_TOKEN_FILE holds no token"), "{}", told.log);
        assert!(!told.log.contains("MARKER"));
        assert_eq!(fake.count(Route::Token), logins + 1);
        invoke_with_file(&fake.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
        assert_eq!(fake.count(Route::Token), logins + 1, "it was written anew");
    }
}

#[tokio::test]
async fn a_file_outside_every_opened_directory_is_a_setting_to_mend() {
    let fake = fake().await;
    let mut settings = fake.settings();
    settings.push(("OGE_TOKEN_FILE".to_owned(), "/elsewhere/token".to_owned()));
    invoke(&settings, CALL).has(&["kind: not-configured", "OGE_TOKEN_FILE", "--dir"]);
    assert!(fake.story().is_empty());
}

#[tokio::test]
async fn a_lock_left_behind_grows_stale() {
    let fake = fake().await;
    let directory = tempdir().unwrap();
    let lock = directory.path().join("token.lock");
    let left = fs::File::create(&lock).unwrap();
    let minute_ago =
        std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() - std::time::Duration::from_secs(60);
    left.set_modified(std::time::SystemTime::UNIX_EPOCH + minute_ago).unwrap();
    invoke_with_file(&fake.settings(), directory.path(), CALL).holds(&["attempts: 1"]);
    assert!(!lock.exists());
}

#[tokio::test]
async fn wrong_credentials_are_tried_once_by_all_processes() {
    let fake = fake().await;
    let directory = tempdir().unwrap();
    let mut settings = fake.settings();
    for (key, value) in &mut settings {
        if key == "OGE_TOKEN_PASSWORD" {
            *value = "wrong".to_owned();
        }
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                invoke_with_file(&settings, directory.path(), CALL).has(&["kind: token-store"]);
            });
        }
    });
    assert!(fake.count(Route::Token) <= 2, "{} logins", fake.count(Route::Token));
}
