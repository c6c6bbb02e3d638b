//! The other dialect of the token endpoint.

use base64::{Engine, engine::general_purpose::STANDARD};
use oge_mock_platform::{Mock, Options, TokenStyle};
use serde_json::json;

use crate::client::{Ask, TOKEN, setting};

const CLIENT: &str = "client_id=mock-client&client_secret=mock-client-secret-93d2";
const USER: &str = "username=mock-user&password=mock-password-6b1f";

async fn start() -> Mock {
    let options = Options::default().token_style(TokenStyle::Rfc6749);
    Mock::start(options).await.unwrap()
}

fn form(body: &str) -> Ask {
    Ask::new("POST", TOKEN).header("content-type", "application/x-www-form-urlencoded").body(body)
}

#[tokio::test]
async fn client_credentials_and_password_grants_are_answered_with_a_good_token() {
    let mock = start().await;
    for body in [
        format!("grant_type=client_credentials&{CLIENT}"),
        format!("grant_type=password&{CLIENT}&{USER}"),
    ] {
        let answer = form(&body).send(&mock).await.json();
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 7200);
        let token = answer["access_token"].as_str().unwrap();
        let call = Ask::state(&format!("Bearer {token}")).send(&mock).await;
        assert_eq!(call.text(), "unknown");
    }
}

#[tokio::test]
async fn the_client_may_come_as_basic() {
    let mock = start().await;
    let id = setting(&mock, "OGE_CLIENT_ID");
    for (secret, status) in [(setting(&mock, "OGE_CLIENT_SECRET"), 200), ("x".to_owned(), 401)] {
        let basic = STANDARD.encode(format!("{id}:{secret}"));
        let ask = form("grant_type=client_credentials").token(&format!("Basic {basic}"));
        assert_eq!(ask.send(&mock).await.status, status);
    }
}

#[tokio::test]
async fn a_refusal_names_its_reason() {
    let mock = start().await;
    for (body, status, error) in [
        ("grant_type=client_credentials".to_owned(), 401, "invalid_client"),
        (format!("grant_type=password&{CLIENT}"), 400, "invalid_grant"),
        (format!("grant_type=magic&{CLIENT}"), 400, "unsupported_grant_type"),
        (CLIENT.to_owned(), 400, "invalid_request"),
    ] {
        let answer = form(&body).send(&mock).await;
        assert_eq!(answer.status, status, "{error}");
        assert_eq!(answer.json(), json!({"error": error}));
    }
}

#[tokio::test]
async fn a_form_is_expected() {
    let mock = start().await;
    let answer = Ask::new("POST", TOKEN).body("{}").send(&mock).await;
    assert_eq!(answer.status, 415);
}
