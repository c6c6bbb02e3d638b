//! `wasmtime run`: each tool, and the effect of the settings.

use oge_mock_platform::{Mock, Options, ReservedPort, Route, TokenStyle};

use crate::command::{invoke, mock};

#[tokio::test]
async fn each_tool_returns_a_result() {
    let mock = mock().await;
    let settings = mock.settings();
    invoke(
        &settings,
        "coverage-aspect-analysis([117.0, 36.18, 117.2, 36.33], none, none, none, none)",
    )
    .holds(&["data:", "attempts: 1"]);
    invoke(&settings, "run-big-query(none, none)").holds(&["data:", "attempts: 1"]);
    invoke(&settings, r#"execute-code-to-dag("oge.x().export('a')", none, none, none)"#)
        .holds(&["dag-ids: [\"", "attempts: 1"]);
    mock.start_task("d");
    invoke(&settings, r#"submit-batch-task("d", none, none, none, none, none, none, none, none)"#)
        .holds(&["state: some(\"starting\")", "attempts: 1"]);
    invoke(&settings, r#"query-task-status("d", none)"#).holds(&["status: \"", "attempts: 1"]);
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_request_is_resent() {
    let mock = mock().await;
    mock.start_task("d");
    let mut settings = mock.settings();
    settings.push(("OGE_TOKEN".to_owned(), mock.issue_token()));
    mock.revoke_tokens();
    let output = invoke(&settings, r#"query-task-status("d", none)"#);
    output.holds(&["status: \"starting\"", "attempts: 2"]);
    assert_eq!((mock.count(Route::Token), mock.count(Route::GetState)), (1, 2));
    let steps =
        ["检测到token过期(40003)，尝试自动刷新...", "Token刷新成功，重新调用API...", "API调用成功"];
    let at: Vec<_> = steps.iter().map(|step| output.log.find(step)).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{}", output.log);
    assert!(!output.log.contains("eyJ"), "{}", output.log);
}

#[tokio::test]
async fn a_missing_setting_is_named() {
    let mock = mock().await;
    let without = |missing: &str| -> Vec<_> {
        mock.settings().into_iter().filter(|(key, _)| key != missing).collect()
    };
    for key in ["OGE_DAG_URL", "OGE_TOKEN_URL", "OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET"] {
        let output = invoke(&without(key), r#"query-task-status("d", none)"#);
        output.has(&["err(", "kind: not-configured", key]);
    }
    assert!(mock.all_requests().is_empty());
}

#[tokio::test]
async fn rejected_credentials_are_a_token_store_failure() {
    let mock = mock().await;
    let mut settings = mock.settings();
    for (key, value) in &mut settings {
        if key == "OGE_TOKEN_PASSWORD" {
            *value = "MARKER-wrong".to_owned();
        }
    }
    let output = invoke(&settings, r#"query-task-status("d", none)"#);
    output.has(&["kind: token-store", "用户名或密码错误", "OGE_TOKEN_PASSWORD"]);
    assert!(!output.result.contains("MARKER") && !output.log.contains("MARKER"));
}

#[tokio::test]
async fn an_unreachable_authority_is_a_token_store_failure() {
    let mock = mock().await;
    let mut settings = mock.settings();
    let nobody = ReservedPort::new().unwrap();
    let authority = format!("http://{}", nobody.address());
    for (key, value) in &mut settings {
        if key == "OGE_TOKEN_URL" {
            *value = format!("{authority}/token");
        }
    }
    let output = invoke(&settings, r#"query-task-status("d", none)"#);
    output.has(&["kind: token-store", &authority, "refused"]);
}

#[tokio::test]
async fn a_given_token_without_a_login_works_until_it_expires() {
    let mock = mock().await;
    mock.start_task("d");
    let mut settings: Vec<_> =
        mock.settings().into_iter().filter(|(key, _)| key == "OGE_DAG_URL").collect();
    settings.push(("OGE_TOKEN".to_owned(), mock.issue_token()));
    invoke(&settings, r#"query-task-status("d", none)"#).holds(&["attempts: 1"]);
    mock.revoke_tokens();
    invoke(&settings, r#"query-task-status("d", none)"#).has(&[
        "kind: not-configured",
        "OGE_TOKEN_URL",
        "http-status: some(200)",
    ]);
}

#[tokio::test]
async fn the_auth_functions_report_the_token() {
    let mock = mock().await;
    let settings = mock.settings();
    invoke(&settings, "token-status()").has(&["present: false"]);
    let output = invoke(&settings, "refresh-token()");
    output.holds(&["present: true", "expired: some(false)"]);
    assert!(!output.result.contains("eyJ"));
    assert_eq!(mock.count(Route::Token), 1);
}

#[tokio::test]
async fn the_settings_choose_the_grant_of_a_standard_authority() {
    let mock = Mock::start(Options::default().token_style(TokenStyle::Rfc6749)).await.unwrap();
    let is_user = |key: &str| ["OGE_TOKEN_USERNAME", "OGE_TOKEN_PASSWORD"].contains(&key);
    let client: Vec<_> = mock.settings().into_iter().filter(|(key, _)| !is_user(key)).collect();
    let mut user = mock.settings();
    user.push(("OGE_TOKEN_GRANT".to_owned(), "password".to_owned()));
    for (settings, grant) in [(client, "client_credentials"), (user, "password")] {
        mock.clear_requests();
        invoke(&settings, r#"query-task-status("d", none)"#).holds(&["attempts: 1"]);
        let login = mock.requests(Route::Token).remove(0);
        let form = String::from_utf8(login.body.to_vec()).unwrap();
        assert!(form.starts_with(&format!("grant_type={grant}")), "{grant}");
        assert!(login.header("authorization").unwrap().starts_with("Basic "));
    }
}
