//! Who may call over HTTP.

use reqwest::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode};
use serde_json::json;

use super::{BEARER, serve, serve_openly, with};
use crate::command::fake;
use crate::serve::Server;

/// Lists the tools with these headers more.
async fn list(server: &Server, headers: &[(reqwest::header::HeaderName, &str)]) -> Response {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    Client::new()
        .post(server.url("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .headers(headers)
        .json(&message)
        .send()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_knows_the_bearer_may_call() {
    let fake = fake().await;
    let server = serve(&fake.settings(), None, &[]);
    let right = format!("Bearer {BEARER}");
    assert_eq!(list(&server, &[(AUTHORIZATION, &right)]).await.status(), StatusCode::OK);
    for headers in [&[][..], &[(AUTHORIZATION, "Bearer other")], &[(AUTHORIZATION, BEARER)]] {
        let refused = list(&server, headers).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        let told = refused.text().await.unwrap();
        assert!(!told.contains(BEARER), "{told}");
    }
    for method in ["GET", "DELETE", "OPTIONS", "PUT"] {
        let method = method.parse().unwrap();
        let answer = Client::new().request(method, server.url("/mcp")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_may_call_until_a_setting_says_who() {
    let fake = fake().await;
    let closed = serve_openly(&fake.settings(), None, &[]);
    let answer = list(&closed, &[]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let told = answer.text().await.unwrap();
    assert!(told.contains("OGE_MCP_BEARER is not set"), "{told}");

    let open = serve_openly(&with(&fake, &[("OGE_MCP_UNAUTHENTICATED", "1")]), None, &[]);
    assert_eq!(list(&open, &[]).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_pages_and_names_are_refused() {
    let fake = fake().await;
    let more = [
        ("OGE_MCP_UNAUTHENTICATED", "1"),
        ("OGE_MCP_ALLOWED_ORIGINS", "https://maps.example:443"),
        ("OGE_MCP_ALLOWED_HOSTS", "oge.example"),
    ];
    let server = serve_openly(&with(&fake, &more), None, &[]);
    for (header, value, expected) in [
        (ORIGIN, "http://evil.example", StatusCode::FORBIDDEN),
        (ORIGIN, "null", StatusCode::FORBIDDEN),
        (ORIGIN, "http://localhost.evil.example", StatusCode::FORBIDDEN),
        (ORIGIN, "http://maps.example", StatusCode::FORBIDDEN),
        (ORIGIN, "http://localhost:5173", StatusCode::OK),
        (ORIGIN, "https://maps.example", StatusCode::OK),
        (HOST, "evil.example", StatusCode::FORBIDDEN),
        (HOST, "127.0.0.1.evil.example", StatusCode::FORBIDDEN),
        (HOST, "oge.example", StatusCode::OK),
        (HOST, "localhost:8080", StatusCode::OK),
    ] {
        let answer = list(&server, &[(header.clone(), value)]).await;
        assert_eq!(answer.status(), expected, "{header}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_needs_no_bearer_and_tells_nothing() {
    let fake = fake().await;
    for server in [serve(&fake.settings(), None, &[]), serve_openly(&[], None, &[])] {
        let answer = reqwest::get(server.url("/healthz")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.text().await.unwrap(), "ok\n");
    }
    assert_eq!(fake.story().len(), 0);
}
