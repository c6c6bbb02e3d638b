//! `OGE_SETTINGS_FILE`: a component reads its settings from a file in a directory that the runtime opens.

use std::fs;
use std::path::Path;
use std::process::Command;

use oge_mock_platform::{Credentials, Mock, Options};
use tempfile::{TempDir, tempdir};

use crate::command::{CommandOutput, add_component, mock, wasmtime};

const CALL: &str = r#"query-task-status("d", none)"#;

/// Starts a mock whose account needs every kind of quoting, and returns it with a directory that has its
/// `site.env`. `crates/cli/tests/cli.rs` tests `oge check` with the same file.
pub async fn every_form() -> (Mock, TempDir) {
    let credentials = Credentials {
        username: "al#ice@$HOME".to_owned(),
        password: r#"it's "$x" `#\n"#.to_owned(),
        client_id: r"$client\id#1".to_owned(),
        client_secret: "密$ \\".to_owned(),
        user_id: "last # of two".to_owned(),
    };
    let mock = Mock::start(Options::default().credentials(credentials)).await.unwrap();
    let lines = include_str!("../../../settings/every-form.env")
        .replace("@API@", &mock.api_url())
        .replace("@DAG@", &mock.dag_url())
        .replace("@TOKEN@", &mock.token_url())
        .replace('\n', "\r\n");
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("site.env"), format!("\u{feff}{lines}")).unwrap();
    (mock, directory)
}

/// Calls one function of the standalone component with the settings file `name` in `directory`.
fn invoke(
    directory: &Path,
    name: &str,
    environment: &[(String, String)],
    call: &str,
) -> CommandOutput {
    let mut settings = environment.to_vec();
    settings.push(("OGE_SETTINGS_FILE".to_owned(), format!("/settings/{name}")));
    let mut command = wasmtime("run", &settings);
    command.arg("--dir").arg(format!("{}::/settings", directory.display()));
    command.args(["-S", "http", "--invoke", call]);
    add_component(&mut command, oge_artifacts::standalone());
    CommandOutput::of(command)
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn every_form_of_a_line_is_read() {
    let (mock, directory) = every_form().await;
    let code = r#"execute-code-to-dag("oge.x().export('a')", none, none, none)"#;
    let output = invoke(directory.path(), "site.env", &[], code);
    output.holds(&["user-id: \"last # of two\"", "attempts: 1"]);
    assert!(!output.log.contains("settings:"), "{}", output.log);
    assert_eq!(mock.all_requests().len(), 2);
}

#[tokio::test]
async fn nonblank_environment_variables_override_the_file() {
    let (_mock, directory) = every_form().await;
    let call = r#"execute-code-to-dag("oge.x().export('a')", none, none, none)"#;
    let environment = [pair("OGE_USER_ID", "mine"), pair("OGE_TOKEN_PASSWORD", " ")];
    let output = invoke(directory.path(), "site.env", &environment, call);
    output.holds(&["user-id: \"mine\""]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_with_the_cause() {
    let directory = tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (name, content, expected) in [
        ("bad.env", &b"A=1\r\nOGE_TOKEN_PASSWORD='MARKER"[..], "line 2: a quote is not closed"),
        ("utf-16.env", b"\xff\xfeO\0", "line 1: the file is UTF-16"),
        ("gbk.env", b"\n# \xc3\xdc\n", "line 2: this is not UTF-8"),
        ("large.env", &[b'#'; (64 << 10) + 1], "is larger than 64 KiB"),
        ("fifo", b"", "is no regular file"),
        ("nothing", b"", "cannot be read (no-entry)"),
        ("../elsewhere", b"", "lies in no directory that the host opened"),
    ] {
        if !content.is_empty() {
            fs::write(directory.path().join(name), content).unwrap();
        }
        let output = invoke(directory.path(), name, &[], CALL);
        output.has(&["err(", "kind: not-configured", "OGE_SETTINGS_FILE", expected]);
        let logged = format!("warn settings: OGE_SETTINGS_FILE {expected}");
        assert!(output.log.contains(&logged), "{name}: {}", output.log);
        assert!(!output.log.contains("MARKER") && !output.result.contains("MARKER"), "{name}");
    }
}

#[tokio::test]
async fn a_link_within_the_directory_is_followed() {
    let (_mock, directory) = every_form().await;
    std::os::unix::fs::symlink("site.env", directory.path().join("linked.env")).unwrap();
    invoke(directory.path(), "linked.env", &[], CALL).holds(&[]);
}

#[tokio::test]
async fn an_unusable_ca_file_is_warned_about_once() {
    let mock = mock().await;
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("site.env"), "OGE_CA_FILE=/etc/ca.pem\n").unwrap();
    let output = invoke(directory.path(), "site.env", &mock.settings(), CALL);
    output.holds(&[]);
    assert_eq!(output.log.matches("OGE_CA_FILE has no effect here").count(), 1, "{}", output.log);
}
