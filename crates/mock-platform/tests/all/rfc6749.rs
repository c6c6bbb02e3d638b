//! The token endpoint with the protocol of RFC 6749.

use base64::{Engine, engine::general_purpose::STANDARD};
use oge_mock_platform::{Mock, Options, TokenStyle};
use serde_json::json;

use crate::client::{TOKEN, TestRequest, setting};

const CLIENT: &str = "client_id=mock-client&client_secret=mock-client-secret-93d2";
const USER: &str = "username=mock-user&password=mock-password-6b1f";

async fn start() -> Mock {
    let options = Options::default().token_style(TokenStyle::Rfc6749);
    Mock::start(options).await.unwrap()
}

fn form(body: &str) -> TestRequest {
    TestRequest::new("POST", TOKEN)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

#[tokio::test]
async fn both_grants_get_a_valid_token() {
    let mock = start().await;
    for body in [
        format!("grant_type=client_credentials&{CLIENT}"),
        format!("grant_type=password&{CLIENT}&{USER}"),
    ] {
        let response = form(&body).send(&mock).await.json();
        assert_eq!(response["token_type"], "Bearer");
        assert_eq!(response["expires_in"], 7200);
        let token = response["access_token"].as_str().unwrap();
        let call = TestRequest::state(&format!("Bearer {token}")).send(&mock).await;
        assert_eq!(call.text(), "unknown");
    }
}

#[tokio::test]
async fn the_client_may_be_sent_as_basic() {
    let mock = start().await;
    let id = setting(&mock, "OGE_CLIENT_ID");
    for (secret, status) in [(setting(&mock, "OGE_CLIENT_SECRET"), 200), ("x".to_owned(), 401)] {
        let basic = STANDARD.encode(format!("{id}:{secret}"));
        let ask = form("grant_type=client_credentials").token(&format!("Basic {basic}"));
        assert_eq!(ask.send(&mock).await.status, status);
    }
}

#[tokio::test]
async fn a_rejection_has_an_error_code() {
    let mock = start().await;
    for (body, status, error) in [
        ("grant_type=client_credentials".to_owned(), 401, "invalid_client"),
        (format!("grant_type=password&{CLIENT}"), 400, "invalid_grant"),
        (format!("grant_type=magic&{CLIENT}"), 400, "unsupported_grant_type"),
        (CLIENT.to_owned(), 400, "invalid_request"),
    ] {
        let response = form(&body).send(&mock).await;
        assert_eq!(response.status, status, "{error}");
        assert_eq!(response.json(), json!({"error": error}));
    }
}

#[tokio::test]
async fn a_body_that_is_no_form_gets_415() {
    let mock = start().await;
    let response = TestRequest::new("POST", TOKEN).body("{}").send(&mock).await;
    assert_eq!(response.status, 415);
}
