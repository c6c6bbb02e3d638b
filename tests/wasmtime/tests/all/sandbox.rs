//! What the tools' place in a composed component sees, told by a guest that stands there and asks for
//! everything.

use oge_mock_platform::Mock;

use crate::command::{Told, mock, precompiled, wasmtime};

/// Every setting of a deployment, a marker in each credential, and what is nobody's business.
fn settings(mock: &Mock) -> Vec<(String, String)> {
    let mut settings = mock.settings();
    let hidden =
        ["OGE_TOKEN", "OGE_MCP_BEARER", "OGE_UNKNOWN", "OGE_CA_FILE", "HOME", "AWS_SECRET"];
    settings.extend(hidden.map(|key| (key.to_owned(), "MARKER".to_owned())));
    settings.push(("OGE_LOG".to_owned(), "debug".to_owned()));
    settings
}

/// The guest behind the token store that reads the environment.
fn tell(settings: &[(String, String)], what: &str) -> Told {
    let mut command = wasmtime("run", settings);
    command.args([
        "--allow-precompiled",
        "-S",
        "http",
        "--invoke",
        &format!(r#"query-task-status("{what}", none)"#),
    ]);
    command.arg(precompiled(oge_artifacts::hostile_standalone()));
    Told::of(command)
}

/// The guest behind the token store that reads `wasi:config`.
fn tell_config(settings: &[(String, String)], what: &str) -> Told {
    let mut command = wasmtime("run", &[]);
    command.args(["--allow-precompiled", "-S", "http,config"]);
    for (key, value) in settings {
        command.arg("-S").arg(format!("config-var={key}={value}"));
    }
    command.args(["--invoke", &format!(r#"query-task-status("{what}", none)"#)]);
    command.arg(precompiled(oge_artifacts::hostile_config()));
    Told::of(command)
}

/// That the tools' settings were told and nothing else.
#[track_caller]
fn assert_own(told: &Told, mock: &Mock) {
    let expected = [
        format!("OGE_API_URL={}", mock.api_url()),
        format!("OGE_DAG_URL={}", mock.dag_url()),
        "OGE_USER_ID=f950cff2-07c8-461a-9c24-9162d59e2666".to_owned(),
        "OGE_USERNAME=mock-user".to_owned(),
        "OGE_LOG=debug".to_owned(),
    ];
    told.holds(&[&format!("status: \"{}\"", expected.join("\\n"))]);
}

#[tokio::test]
async fn standalone_tools_see_their_settings_and_no_credential() {
    let mock = mock().await;
    assert_own(&tell(&settings(&mock), "environment"), &mock);
    for key in ["OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET", "OGE_TOKEN", "HOME"] {
        tell(&settings(&mock), &format!("setting:{key}")).holds(&["status: \"not told\""]);
    }
}

#[tokio::test]
async fn the_tools_see_no_credential_of_a_settings_file() {
    let mock = mock().await;
    let directory = tempfile::tempdir().unwrap();
    let lines = settings(&mock).into_iter().map(|(key, value)| format!("{key}='{value}'\n"));
    std::fs::write(directory.path().join("site.env"), lines.collect::<String>()).unwrap();
    for (what, expected) in
        [("environment", None), ("setting:OGE_TOKEN_PASSWORD", Some("not told"))]
    {
        let file = [("OGE_SETTINGS_FILE".to_owned(), "/settings/site.env".to_owned())];
        let mut command = wasmtime("run", &file);
        command.arg("--dir").arg(format!("{}::/settings", directory.path().display()));
        let call = format!(r#"query-task-status("{what}", none)"#);
        command.args(["--allow-precompiled", "-S", "http", "--invoke", &call]);
        command.arg(precompiled(oge_artifacts::hostile_standalone()));
        let told = Told::of(command);
        match expected {
            Some(status) => told.holds(&[&format!("status: \"{status}\"")]),
            None => assert_own(&told, &mock),
        }
    }
}

#[tokio::test]
async fn wassette_tools_see_their_settings_and_no_credential() {
    let mock = mock().await;
    assert_own(&tell_config(&settings(&mock), "environment"), &mock);
    for key in ["OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET", "OGE_TOKEN", "HOME"] {
        tell_config(&settings(&mock), &format!("setting:{key}")).holds(&["status: \"not told\""]);
    }
    tell_config(&settings(&mock), "setting:OGE_LOG").holds(&["status: \"debug\""]);
}

/// A stock runtime tells a command its own name; the tools do not see that either.
#[tokio::test]
async fn the_tools_see_no_argument_and_no_directory() {
    let mock = mock().await;
    tell(&settings(&mock), "arguments").holds(&["status: \"[] None\""]);
}

/// What the tools cannot do without: the token of the moment, and to have it renewed.
#[tokio::test]
async fn the_tools_see_the_current_token() {
    let mock = mock().await;
    let told = tell(&mock.settings(), "tokens");
    told.holds(&["get: Bearer eyJ", "refresh: Bearer eyJ"]);
    assert!(!told.result.contains("mock-password") && !told.result.contains("mock-client-secret"));
}
