//! Runs the example hosts in other languages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oge_mock_platform::{Fault, Mock, Options, Route};
use serde_json::Value;

fn example(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(language)
}

/// Returns the file with login responses and how each must be classified.
fn responses() -> PathBuf {
    example("login-responses.json")
}

/// Calls through the example and asserts each result and the number of logins.
async fn calls(command: impl Fn() -> Command) {
    let mock = Mock::start(Options::default()).await.unwrap();
    mock.start_task("d");
    let run = |arguments: &[&str], settings: &[(String, String)]| -> Vec<Value> {
        let mut command = command();
        let settings = settings.iter().cloned();
        let output = command.args(arguments).envs(settings).stdin(Stdio::null()).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(!shown.contains("eyJ") && !log.contains("eyJ"), "a token was shown");
        let lines: Vec<_> = shown.lines().map(serde_json::from_str).collect();
        assert!(lines.iter().all(Result::is_ok), "{shown}\n{log}");
        lines.into_iter().map(Result::unwrap).collect()
    };
    let mut settings = mock.settings();
    settings.push(("OGE_TOKEN".to_owned(), mock.issue_token()));
    mock.revoke_tokens();
    let number = std::env::var("OGE_CALLS").unwrap_or_else(|_| "3".to_owned());
    let results = run(&["d", "--calls", &number], &settings);
    assert_eq!(results.len().to_string(), number);
    assert_eq!(
        (results[0]["attempts"].as_u64(), results[0]["status"].as_str()),
        (Some(2), Some("starting"))
    );
    assert!(results[1..].iter().all(|call| call["attempts"] == 1), "{results:?}");
    assert_eq!(mock.count(Route::Token), 1, "token requests for {number} calls");

    for (key, value) in &mut settings {
        if key == "OGE_TOKEN_PASSWORD" {
            *value = "MARKER-wrong".to_owned();
        }
    }
    mock.revoke_tokens();
    let results = run(&["d"], &settings);
    assert_eq!(results[0]["kind"], "token-store", "{results:?}");
    assert!(!results[0].to_string().contains("MARKER"), "{results:?}");
    failed_logins(command).await;
}

/// Asserts that the calls after a failed login do not log in again.
async fn failed_logins(command: impl Fn() -> Command) {
    let wrong = Mock::start(Options::default().locks_account(true)).await.unwrap();
    let mut wrong_settings = wrong.settings();
    wrong_settings.retain(|(key, _)| key != "OGE_TOKEN_PASSWORD");
    wrong_settings.push(("OGE_TOKEN_PASSWORD".to_owned(), "MARKER-wrong".to_owned()));
    let down = Mock::start(Options::default()).await.unwrap();
    down.fail(Route::Token, Fault::overloaded(503, "600"));
    let broken = Mock::start(Options::default()).await.unwrap();
    broken.response(Route::Token, 200, "application/json", r#"{"data":{"token":"MARKER\nx"}}"#);
    let none = Mock::start(Options::default()).await.unwrap();
    none.response(Route::Token, 200, "application/json", r#"{"code":200,"msg":"登录成功"}"#);
    for (mock, settings, expected) in [
        (
            &wrong,
            wrong_settings,
            "账号或密码错误，失败五次将被锁定。剩余失败次数: 4 (4 tries left); check",
        ),
        (&down, down.settings(), "no login is made for 600 s"),
        (&broken, broken.settings(), "a token that no header can carry"),
        (
            &none,
            none.settings(),
            "code 200: 登录成功; a token was expected in data.token or access_token",
        ),
    ] {
        let mut command = command();
        command.args(["d", "--calls", "3"]).envs(settings).env_remove("OGE_TOKEN");
        let output = command.stdin(Stdio::null()).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert_eq!(shown.matches(expected).count(), 3, "{shown}");
        assert!(!shown.contains("MARKER"), "{shown}");
        assert_eq!(mock.count(Route::Token), 1, "{shown}");
    }
    assert!(!wrong.is_locked());

    let mock = Mock::start(Options::default()).await.unwrap();
    mock.start_task("d");
    let token = mock.issue_token();
    let bare = token.trim_start_matches("Bearer ");
    let login = format!(r#"{{"data":{{"token":"bearer {bare}","tokenHead":"Bearer "}}}}"#);
    mock.response(Route::Token, 200, "application/json", login);
    let output = command().arg("d").envs(mock.settings()).output().unwrap();
    assert!(output.status.success(), "a token that has its scheme: {output:?}");
}

#[tokio::test]
#[cfg_attr(not(has_node), ignore = "needs Node.js and npm ci in examples/node")]
async fn node_refreshes_the_token_and_retries() {
    let folder = example("node");
    let mut build = Command::new("npm");
    build.args(["run", "--silent", "build"]).current_dir(&folder);
    build.env("OGE_TOOLS_WASM", oge_artifacts::tools());
    assert!(build.status().unwrap().success());
    let mut rows = Command::new("node");
    rows.current_dir(&folder).args(["--input-type=module", "-e"]).arg(
        "import { readFileSync } from 'node:fs';
         import { read } from './login-response.mjs';
         import assert from 'node:assert';
         for (const [status, body, kind] of JSON.parse(readFileSync(process.argv[1], 'utf8')))
           assert.equal(read(status, body).kind, kind, `${status} ${body}`);",
    );
    assert!(rows.arg(responses()).status().unwrap().success());
    calls(|| {
        let mut node = Command::new("node");
        node.arg("main.mjs").current_dir(&folder);
        node
    })
    .await;
}

#[tokio::test]
#[cfg_attr(not(has_python), ignore = "needs Python with examples/python/requirements.txt")]
async fn python_refreshes_the_token_and_retries() {
    let folder = example("python");
    let mut rows = Command::new("python3");
    rows.current_dir(&folder).arg("-c").arg(
        "import json, sys; from login_response import read\n\
         for status, body, kind in json.load(open(sys.argv[1], encoding='utf-8')):\n    \
             assert read(status, body.encode()).kind == kind, (status, body)",
    );
    assert!(rows.arg(responses()).status().unwrap().success());
    calls(|| {
        let mut python = Command::new("python3");
        python.arg("main.py").current_dir(&folder);
        python.env("OGE_TOOLS_WASM", oge_artifacts::tools());
        python
    })
    .await;
}

#[test]
#[cfg_attr(not(has_node), ignore = "needs Node.js and npm ci in examples/node")]
fn jco_reads_every_component() {
    let folder = example("node");
    let jco = folder.join("node_modules/.bin/jco");
    for (name, component) in oge_artifacts::all() {
        // `jco wit` cannot read a WIT package; `jco print` can.
        let is_wit = component == oge_artifacts::wit();
        let (how, begins) = if is_wit { ("print", "(component") } else { ("wit", "package") };
        let output = Command::new(&jco).arg(how).arg(component).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(shown.starts_with(begins), "{name}: {shown}");
    }
}

/// Asserts that both examples pass the tools' settings to the component and no other, such as the password.
#[test]
fn the_examples_pass_exactly_the_tools_settings() {
    for file in ["node/main.mjs", "python/main.py"] {
        let source = std::fs::read_to_string(example(file)).unwrap();
        let list = source.split("SETTINGS = ").nth(1).unwrap().split([']', ')']).next().unwrap();
        let keys: Vec<_> = list.split(['\'', '"']).skip(1).step_by(2).collect();
        assert_eq!(keys, oge_tools::settings::list::TOOLS, "{file}");
    }
}
