//! The command as its users run it: what it prints, where, and with which exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

use oge_fake::{Credentials, Fake, Fault, Options, Route};

/// The command in an environment of its own.
fn oge(arguments: &[&str], settings: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oge"));
    command.args(arguments).env_clear().envs(settings.iter().cloned()).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], settings: &[(String, String)]) -> Output {
    oge(arguments, settings).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

async fn fake() -> Fake {
    Fake::start(Options::default()).await.unwrap()
}

#[test]
fn the_demo_goes_right_and_shows_no_token() {
    let output =
        run(&["demo"], &[("OGE_DAG_URL".to_owned(), "http://elsewhere.invalid".to_owned())]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("检测到token过期(40003)，尝试自动刷新..."), "{shown}");
    assert!(shown.contains("检测到token过期(401)，尝试自动刷新..."), "{shown}");
    assert!(shown.contains("What the user noticed: nothing."), "{shown}");
    assert!(!shown.contains("eyJ") && !shown.contains('\u{1b}'), "{shown}");
}

#[tokio::test]
async fn json_is_the_envelope_and_nothing_else() {
    let fake = fake().await;
    let output = run(&["call", "query_task_status", "--dag-id", "d", "--json"], &fake.settings());
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(envelope["success"], true);
    assert_eq!(envelope["operation"], "查询任务状态");
    assert_eq!(envelope["api_endpoint"], "dag");
    assert_eq!(text(&output.stdout).lines().count(), 1);
}

#[tokio::test]
async fn a_call_that_fails_is_exit_code_1_and_an_envelope_that_says_so() {
    let fake = fake().await;
    fake.fail(Route::Process, Fault::Status(500));
    let output = run(&["call", "run-big-query", "--json"], &fake.settings());
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&envelope["success"], &envelope["data"]), (&false.into(), &().into()));
    assert!(envelope["msg"].as_str().unwrap().ends_with("(状态码: 500)"), "{envelope}");
}

#[test]
fn a_missing_setting_is_exit_code_2_and_named() {
    let output = run(&["call", "run_big_query"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("OGE_API_URL"), "{output:?}");
}

#[tokio::test]
async fn a_bad_argument_is_exit_code_2_and_sends_nothing() {
    let fake = fake().await;
    let arguments =
        ["call", "coverage_aspect_analysis", "--bbox", "-10,-20,5,7", "--radius", "0", "--json"];
    let output = run(&arguments, &fake.settings());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("radius is 0"), "{output:?}");
    assert!(fake.story().is_empty());
}

#[tokio::test]
async fn a_token_of_the_callers_own_comes_from_the_environment() {
    let fake = fake().await;
    let mut settings = fake.settings();
    settings.push(("MINE".to_owned(), fake.issue_token()));
    let arguments = ["call", "query_task_status", "--dag-id", "d", "--auth-token-env", "MINE"];
    assert_eq!(run(&arguments, &settings).status.code(), Some(0));
    assert_eq!(fake.count(Route::Token), 0);

    settings.pop();
    let output = run(&arguments, &settings);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--auth-token-env names is not set"), "{output:?}");
}

#[tokio::test]
async fn the_environment_comes_before_the_file() {
    let fake = fake().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (key, value) in fake.settings() {
        writeln!(file, "{key}={value}").unwrap();
    }
    let path = file.path().to_str().unwrap();
    let arguments = ["call", "run_big_query", "--env-file", path];
    assert_eq!(run(&arguments, &[]).status.code(), Some(0));
    let wrong = [("OGE_TOKEN_PASSWORD".to_owned(), "wrong".to_owned())];
    assert_eq!(run(&arguments, &wrong).status.code(), Some(1));
}

#[test]
fn a_bad_line_of_a_file_is_not_quoted() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "OGE_TOKEN_PASSWORD MARKER").unwrap();
    let output = run(&["check", "--env-file", file.path().to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!format!("{output:?}").contains("MARKER"), "{output:?}");
}

#[tokio::test]
async fn a_check_passes_where_all_is_well() {
    let fake = fake().await;
    let output = run(&["check"], &fake.settings());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("ok login"), "{output:?}");
}

#[tokio::test]
async fn a_check_says_what_to_fix_and_shows_no_secret() {
    let credentials =
        Credentials { password: "MARKER-password".to_owned(), ..Credentials::default() };
    let fake = Fake::start(Options::default().credentials(credentials)).await.unwrap();
    let mut settings = fake.settings();
    for (key, value) in &mut settings {
        if key == "OGE_CLIENT_SECRET" {
            "MARKER-secret".clone_into(value);
        }
    }
    let output = run(&["check"], &settings);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("check OGE_TOKEN_USERNAME"), "{output:?}");
    assert!(!format!("{output:?}").contains("MARKER"), "{output:?}");
}

#[test]
fn a_check_without_settings_names_them_all() {
    let output = run(&["check"], &[]);
    assert_eq!(output.status.code(), Some(1));
    for key in ["OGE_API_URL", "OGE_DAG_URL", "OGE_TOKEN_URL", "OGE_CLIENT_SECRET"] {
        assert!(text(&output.stdout).contains(&format!("FAILED {key}")), "{output:?}");
    }
}

#[test]
fn the_settings_that_the_fake_prints_are_those_that_a_check_accepts() {
    let mut fake = oge(&["fake"], &[]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(fake.stdout.take().unwrap()).lines().map(Result::unwrap);
    let settings: Vec<_> = lines
        .take_while(|line| !line.starts_with("# Requests"))
        .filter_map(|line| {
            line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))
        })
        .collect();
    let output = run(&["check"], &settings);
    fake.kill().unwrap();
    fake.wait().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// Read only: its addresses are a real site's, and nothing here may be sent to them.
#[test]
fn the_example_holds_every_setting_and_no_secret() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/site.env");
    let pairs: Vec<_> = dotenvy::from_path_iter(path).unwrap().map(Result::unwrap).collect();
    let value =
        |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    for key in oge_tools::settings::KEYS.iter().chain(&oge_oauth::KEYS).chain(&["OGE_CA_FILE"]) {
        assert!(value(key).is_some(), "{key} is missing");
    }
    for key in ["OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET", "OGE_TOKEN"] {
        assert_eq!(value(key), Some(""), "{key}");
    }
    let get = |key: &str| value(key).map(str::to_owned);
    assert!(oge_tools::settings::Settings::read(get).is_ok());
}

#[tokio::test]
async fn a_check_fails_where_the_platform_refuses_every_token() {
    let fake = fake().await;
    fake.refuse_all_tokens(true);
    let output = run(&["check"], &fake.settings());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("FAILED query_task_status"), "{output:?}");
}

#[tokio::test]
async fn a_given_token_without_a_login_passes_a_check() {
    let fake = fake().await;
    let login = ["OGE_TOKEN_", "OGE_CLIENT_"];
    let is_login = |key: &str| login.iter().any(|start| key.starts_with(start));
    let mut settings: Vec<_> =
        fake.settings().into_iter().filter(|(key, _)| !is_login(key)).collect();
    settings.push(("OGE_TOKEN".to_owned(), fake.issue_token()));
    let output = run(&["check"], &settings);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    fake.revoke_tokens();
    assert_eq!(run(&["check"], &settings).status.code(), Some(1));
}

#[test]
fn a_bad_setting_is_an_envelope_too() {
    let bad = [("OGE_API_URL".to_owned(), "nope".to_owned())];
    let output = run(&["call", "run_big_query", "--json"], &bad);
    assert_eq!(output.status.code(), Some(2));
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(envelope["msg"].as_str().unwrap().contains("OGE_API_URL"), "{envelope}");
    assert_eq!(envelope["operation"], "大数据查询");
}

#[tokio::test]
async fn an_envelope_is_one_line_however_the_platform_writes() {
    let fake = fake().await;
    fake.reply(Route::Process, 200, "application/json", "{\n  \"b\": 1.0,\n  \"a\": \"x y\"\n}\n");
    let output = run(&["call", "run_big_query", "--json"], &fake.settings());
    let shown = text(&output.stdout);
    assert!(shown.contains(r#""data":{"b":1.0,"a":"x y"},"#), "{shown}");
    assert_eq!(shown.lines().count(), 1);
}
