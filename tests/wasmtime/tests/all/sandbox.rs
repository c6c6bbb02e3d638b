//! What the tools can see in a composed component. The hostile guest takes the place of the tools.

use oge_mock_platform::Mock;

use crate::command::{CommandOutput, add_component, mock, wasmtime};

/// Returns every setting of a deployment and other variables, with markers in what must stay hidden.
fn settings(mock: &Mock) -> Vec<(String, String)> {
    let mut settings = mock.settings();
    let hidden =
        ["OGE_TOKEN", "OGE_MCP_BEARER", "OGE_UNKNOWN", "OGE_CA_FILE", "HOME", "AWS_SECRET"];
    settings.extend(hidden.map(|key| (key.to_owned(), "MARKER".to_owned())));
    settings.push(("OGE_LOG".to_owned(), "debug".to_owned()));
    settings
}

/// Runs an action of the guest behind the token store that reads the environment.
fn tell(settings: &[(String, String)], what: &str) -> CommandOutput {
    let mut command = wasmtime("run", settings);
    command.args(["-S", "http", "--invoke", &format!(r#"query-task-status("{what}", none)"#)]);
    add_component(&mut command, oge_artifacts::hostile_standalone());
    CommandOutput::of(command)
}

/// Runs an action of the guest behind the token store that reads `wasi:config`.
fn tell_config(settings: &[(String, String)], what: &str) -> CommandOutput {
    let mut command = wasmtime("run", &[]);
    command.args(["-S", "http,config"]);
    for (key, value) in settings {
        command.arg("-S").arg(format!("config-var={key}={value}"));
    }
    command.args(["--invoke", &format!(r#"query-task-status("{what}", none)"#)]);
    add_component(&mut command, oge_artifacts::hostile_config());
    CommandOutput::of(command)
}

/// Asserts that the guest saw the tools' settings and nothing else.
#[track_caller]
fn assert_own(output: &CommandOutput, mock: &Mock) {
    let expected = [
        format!("OGE_API_URL={}", mock.api_url()),
        format!("OGE_DAG_URL={}", mock.dag_url()),
        "OGE_USER_ID=f950cff2-07c8-461a-9c24-9162d59e2666".to_owned(),
        "OGE_USERNAME=mock-user".to_owned(),
        "OGE_LOG=debug".to_owned(),
    ];
    output.holds(&[&format!("status: \"{}\"", expected.join("\\n"))]);
}

#[tokio::test]
async fn standalone_tools_see_their_settings_and_no_credential() {
    let mock = mock().await;
    assert_own(&tell(&settings(&mock), "environment"), &mock);
    for key in ["OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET", "OGE_TOKEN", "HOME"] {
        tell(&settings(&mock), &format!("setting:{key}")).holds(&["status: \"not visible\""]);
    }
}

#[tokio::test]
async fn the_tools_see_no_credential_of_a_settings_file() {
    let mock = mock().await;
    let directory = tempfile::tempdir().unwrap();
    let lines = settings(&mock).into_iter().map(|(key, value)| format!("{key}='{value}'\n"));
    std::fs::write(directory.path().join("site.env"), lines.collect::<String>()).unwrap();
    for (what, expected) in
        [("environment", None), ("setting:OGE_TOKEN_PASSWORD", Some("not visible"))]
    {
        let file = [("OGE_SETTINGS_FILE".to_owned(), "/settings/site.env".to_owned())];
        let mut command = wasmtime("run", &file);
        command.arg("--dir").arg(format!("{}::/settings", directory.path().display()));
        let call = format!(r#"query-task-status("{what}", none)"#);
        command.args(["-S", "http", "--invoke", &call]);
        add_component(&mut command, oge_artifacts::hostile_standalone());
        let output = CommandOutput::of(command);
        match expected {
            Some(status) => output.holds(&[&format!("status: \"{status}\"")]),
            None => assert_own(&output, &mock),
        }
    }
}

#[tokio::test]
async fn wassette_tools_see_their_settings_and_no_credential() {
    let mock = mock().await;
    assert_own(&tell_config(&settings(&mock), "environment"), &mock);
    for key in ["OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET", "OGE_TOKEN", "HOME"] {
        tell_config(&settings(&mock), &format!("setting:{key}"))
            .holds(&["status: \"not visible\""]);
    }
    tell_config(&settings(&mock), "setting:OGE_LOG").holds(&["status: \"debug\""]);
}

/// A stock runtime passes a command its name; the tools do not see that either.
#[tokio::test]
async fn the_tools_see_no_argument_and_no_directory() {
    let mock = mock().await;
    tell(&settings(&mock), "arguments").holds(&["status: \"[] None\""]);
}

/// The tools need the current token and its refresh, and see no credential.
#[tokio::test]
async fn the_tools_see_the_current_token() {
    let mock = mock().await;
    let output = tell(&mock.settings(), "tokens");
    output.holds(&["get: Bearer eyJ", "refresh: Bearer eyJ"]);
    assert!(
        !output.result.contains("mock-password") && !output.result.contains("mock-client-secret")
    );
}
