//! The token endpoint.

use oge_mock_platform::{Credentials, Mock, Options, Outcome, Route};
use serde_json::json;

use crate::client::{
    TestRequest, granted, login, login_with, outcomes, setting, start, start_with_token,
};

#[tokio::test]
async fn a_login_with_the_settings_gets_an_accepted_token() {
    let mock = start().await;
    let response = login(&mock).send(&mock).await;
    assert_eq!(response.json()["data"]["tokenHead"], "Bearer ");
    let call = TestRequest::state(&granted(&response)).send(&mock).await;
    assert_eq!(call.text(), "unknown");
    assert!(mock.requests(Route::Token)[0].authorized);
}

#[tokio::test]
async fn the_settings_are_complete_and_have_this_mocks_urls() {
    let mock = start().await;
    let origin = mock.origin();
    let keys: Vec<String> = mock.settings().into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "OGE_API_URL",
            "OGE_DAG_URL",
            "OGE_TOKEN_URL",
            "OGE_TOKEN_USERNAME",
            "OGE_TOKEN_PASSWORD",
            "OGE_CLIENT_ID",
            "OGE_CLIENT_SECRET",
            "OGE_USER_ID",
            "OGE_USERNAME",
        ]
    );
    for (key, path) in [
        ("OGE_API_URL", "/gateway/computation-api/process"),
        ("OGE_DAG_URL", "/api/oge-dag-22"),
        ("OGE_TOKEN_URL", "/api/oauth/token"),
    ] {
        assert_eq!(setting(&mock, key), format!("{origin}{path}"));
    }
}

#[tokio::test]
async fn a_login_with_any_wrong_part_is_rejected() {
    let credentials = ["name", "pass", "client", "secret"];
    let [username, password, client_id, client_secret] = credentials.map(str::to_owned);
    let options = Options::default().credentials(Credentials {
        username,
        password,
        client_id,
        client_secret,
        user_id: "1".to_owned(),
    });
    let mock = Mock::start(options).await.unwrap();
    let right = "/api/oauth/token?client_id=client&client_secret=secret&grant_type=password\
                 &username=name&password=pass&scopes=web";
    let body = json!({"username": "name", "password": "pass"});
    let ask = TestRequest::new("POST", right).body(&body);
    assert!(ask.send(&mock).await.json()["data"]["token"].is_string());
    let without_scopes = right.replace("&scopes=web", "");
    let response = TestRequest::new("POST", without_scopes).body(&body).send(&mock).await;
    assert_eq!(response.json()["code"], 40001);
    for part in ["client_id", "client_secret", "grant_type", "username", "password"] {
        for wrong in [
            right.replace(&format!("{part}="), &format!("{part}=x")),
            right.replace(&format!("{part}="), "nothing="),
        ] {
            let response = TestRequest::new("POST", wrong).body(&body).send(&mock).await;
            assert_eq!(
                response.text(),
                r#"{"code":40001,"msg":"用户名或密码错误","data":null}"#,
                "{part}"
            );
        }
    }
    for part in ["username", "password"] {
        let mut body = body.clone();
        body[part] = json!("x");
        let response = TestRequest::new("POST", right).body(body).send(&mock).await;
        assert_eq!(response.json()["code"], 40001, "{part}");
    }
    let seen = outcomes(&mock, Route::Token);
    assert_eq!(seen[0], Outcome::Accepted);
    assert!(seen[1..].iter().all(|outcome| *outcome == Outcome::Refused));
}

#[tokio::test]
async fn credentials_may_have_characters_that_a_url_must_encode() {
    let credentials = Credentials {
        username: "a b&c=d".to_owned(),
        password: "+%2B#密码\"\\".to_owned(),
        client_id: "ü?/".to_owned(),
        client_secret: "&&".to_owned(),
        user_id: "1".to_owned(),
    };
    let options = Options::default().credentials(credentials.clone());
    let mock = Mock::start(options).await.unwrap();
    let Credentials { username, password, client_id, client_secret, .. } = &credentials;
    let ask = login_with(username, password, client_id, client_secret);
    assert!(ask.send(&mock).await.json()["data"]["token"].is_string());
}

#[tokio::test]
async fn a_login_with_an_old_token_is_rejected() {
    let (mock, token) = start_with_token().await;
    let response = login(&mock).token(&token).send(&mock).await;
    assert_eq!(response.status, 400);
    assert_eq!(outcomes(&mock, Route::Token), [Outcome::Refused]);
}

#[tokio::test]
async fn in_a_single_session_a_login_ends_the_tokens_before_it() {
    let options = Options::default().single_session(true);
    let mock = Mock::start(options).await.unwrap();
    let old = granted(&login(&mock).send(&mock).await);
    let new = granted(&login(&mock).send(&mock).await);
    assert_eq!(TestRequest::state(&old).send(&mock).await.json()["code"], 40003);
    assert_eq!(TestRequest::state(&new).send(&mock).await.text(), "unknown");
}

#[tokio::test]
async fn a_rejected_login_ends_no_token() {
    let options = Options::default().single_session(true);
    let mock = Mock::start(options).await.unwrap();
    let token = mock.issue_token();
    login_with("x", "x", "x", "x").send(&mock).await;
    assert_eq!(TestRequest::state(&token).send(&mock).await.text(), "unknown");
}
