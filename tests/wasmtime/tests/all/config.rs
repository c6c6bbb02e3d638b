//! The Wassette component, which reads its settings from `wasi:config`.

use crate::command::{CommandOutput, add_component, mock, wasmtime};

/// Calls one function with `wasmtime run`, with the settings in `wasi:config` only.
pub fn invoke(settings: &[(String, String)], call: &str) -> CommandOutput {
    let mut command = wasmtime("run", &[]);
    command.args(["-S", "http,config"]);
    for (key, value) in settings {
        command.arg("-S").arg(format!("config-var={key}={value}"));
    }
    command.args(["--invoke", call]);
    add_component(&mut command, oge_artifacts::wassette());
    CommandOutput::of(command)
}

#[tokio::test]
async fn tools_and_token_store_read_their_settings_from_wasi_config() {
    let mock = mock().await;
    mock.start_task("d");
    let mut settings = mock.settings();
    settings.push(("OGE_TOKEN".to_owned(), mock.issue_token()));
    mock.revoke_tokens();
    invoke(&settings, r#"query-task-status("d", none)"#)
        .holds(&["status: \"starting\"", "attempts: 2"]);
}

#[tokio::test]
async fn a_setting_missing_in_wasi_config_is_named() {
    let mock = mock().await;
    let settings: Vec<_> =
        mock.settings().into_iter().filter(|(key, _)| key != "OGE_TOKEN_URL").collect();
    invoke(&settings, "run-big-query(none, none)").has(&["kind: not-configured", "OGE_TOKEN_URL"]);
}
