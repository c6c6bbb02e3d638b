//! Access control over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode};
use serde_json::json;

use super::{BEARER, OPEN_SERVERS, SERVERS, Session, with};
use crate::command::mock;
use crate::serve::Server;

/// Lists the tools with these additional headers.
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
async fn calls_need_the_bearer() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        let right = format!("Bearer {BEARER}");
        assert_eq!(list(&server, &[(AUTHORIZATION, &right)]).await.status(), StatusCode::OK);
        for headers in [&[][..], &[(AUTHORIZATION, "Bearer other")], &[(AUTHORIZATION, BEARER)]] {
            let refused = list(&server, headers).await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
            let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            let body = refused.text().await.unwrap();
            assert!(!body.contains(BEARER), "{body}");
        }
        for method in ["GET", "DELETE", "OPTIONS", "PUT"] {
            let method = method.parse().unwrap();
            let answer = Client::new().request(method, server.url("/mcp")).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_access_setting_all_calls_are_refused() {
    for serve in OPEN_SERVERS {
        let mock = mock().await;
        let closed = serve(&mock.settings());
        let answer = list(&closed, &[]).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = answer.text().await.unwrap();
        assert!(body.contains("OGE_MCP_BEARER is not set"), "{body}");

        let open = serve(&with(&mock, &[("OGE_MCP_UNAUTHENTICATED", "1")]));
        assert_eq!(list(&open, &[]).await.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_origins_and_hosts_are_refused() {
    for serve in OPEN_SERVERS {
        let mock = mock().await;
        let more = [
            ("OGE_MCP_UNAUTHENTICATED", "1"),
            ("OGE_MCP_ALLOWED_ORIGINS", "https://maps.example:443"),
            ("OGE_MCP_ALLOWED_HOSTS", "oge.example"),
        ];
        let server = serve(&with(&mock, &more));
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
            if expected == StatusCode::FORBIDDEN {
                let setting = match header {
                    HOST => "OGE_MCP_ALLOWED_HOSTS",
                    _ => "OGE_MCP_ALLOWED_ORIGINS",
                };
                let body = answer.text().await.unwrap();
                assert!(body.contains(setting), "{body}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_allows_the_configured_origins_only() {
    for serve in SERVERS {
        let mock = mock().await;
        let more = [("OGE_MCP_ALLOWED_ORIGINS", "https://maps.example:443")];
        let server = serve(&with(&mock, &more));
        let ask = |method: &str, origin: &'static str, path: &str| {
            Client::new()
                .request(method.parse().unwrap(), server.url(path))
                .header(ORIGIN, origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,mcp-param-city")
                .header("access-control-request-private-network", "true")
                .send()
        };
        for path in ["/mcp", "/mcp/"] {
            let preflight = ask("OPTIONS", "https://maps.example", path).await.unwrap();
            assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
            let header =
                |name: &str| preflight.headers()[name].to_str().unwrap().to_ascii_lowercase();
            assert_eq!(header("access-control-allow-origin"), "https://maps.example");
            assert_eq!(header("vary"), "origin");
            assert_eq!(header("access-control-allow-private-network"), "true");
            assert!(header("access-control-allow-methods").contains("post"));
            for name in [
                "authorization",
                "content-type",
                "accept",
                "mcp-session-id",
                "mcp-protocol-version",
                "last-event-id",
                "mcp-method",
                "mcp-name",
                "mcp-param-city",
            ] {
                assert!(header("access-control-allow-headers").contains(name), "{name}");
            }
        }
        // A page of an allowed origin can read a refusal and its challenge.
        for (method, path, status) in
            [("POST", "/mcp", 401), ("GET", "/mcp", 401), ("GET", "/x", 404)]
        {
            let answer = ask(method, "https://maps.example", path).await.unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()["access-control-allow-origin"], "https://maps.example");
            let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
            assert!(exposed.contains("Mcp-Session-Id") && exposed.contains("WWW-Authenticate"));
        }
        for origin in ["https://evil.example", "null"] {
            let answer = ask("OPTIONS", origin, "/mcp").await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN);
            assert!(!answer.headers().contains_key("access-control-allow-origin"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accept_header_that_takes_json_is_served() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        for (path, accept) in [
            ("/mcp", None),
            ("/mcp", Some("*/*")),
            ("/mcp", Some("application/*")),
            ("/mcp/?x=1", Some("application/json")),
        ] {
            let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
            let accept = accept.map_or(String::new(), |accept| format!("Accept: {accept}\r\n"));
            let more = format!(
                "{accept}Authorization: Bearer {BEARER}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n",
                message.len()
            );
            let answer = raw(&server, &format!("POST {path}"), &["localhost"], &more, &message);
            assert!(
                answer.starts_with("HTTP/1.1 200") && answer.contains("run_big_query"),
                "{answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_host_header_is_a_bad_request() {
    for serve in SERVERS {
        let mock = mock().await;
        let server = serve(&mock.settings());
        for host in ["", "a b", "localhost:port", "x@localhost"] {
            let answer = raw(&server, "GET /mcp", &[host], "", "");
            assert!(answer.starts_with("HTTP/1.1 400"), "{host}: {answer}");
            assert!(answer.contains("Host header"), "{answer}");
        }
        let answer = raw(&server, "HEAD /healthz", &["localhost"], "", "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// Sends a request byte for byte and returns the response.
fn raw(server: &Server, line: &str, hosts: &[&str], more: &str, body: &str) -> String {
    let address = server.url("");
    let mut connection = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    let head = format!("{line} HTTP/1.1\r\n{hosts}{more}Connection: close\r\n\r\n");
    write!(connection, "{head}{body}").unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_needs_no_bearer_and_reveals_nothing() {
    let mock = mock().await;
    for serve in OPEN_SERVERS {
        for server in [serve(&mock.settings()), serve(&[])] {
            for path in ["/healthz", "/readyz"] {
                let head = Client::new().head(server.url(path)).send().await.unwrap();
                let answer = reqwest::get(server.url(path)).await.unwrap();
                assert_eq!(head.status(), answer.status(), "{path}");
                if path == "/healthz" {
                    assert_eq!(answer.status(), StatusCode::OK);
                    assert_eq!(answer.text().await.unwrap(), "ok\n");
                }
            }
        }
    }
    assert_eq!(mock.all_requests().len(), 0);
}

/// A server is ready if somebody may call it, its settings are complete, and its token file can be locked.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_what_is_missing_and_asks_nobody() {
    let mock = mock().await;
    for (serve, open) in SERVERS.into_iter().zip(OPEN_SERVERS) {
        for (server, problem) in [
            (serve(&mock.settings()), None),
            (open(&mock.settings()), Some("OGE_MCP_BEARER")),
            (serve(&with(&mock, &[("OGE_DAG_URL", "")])), Some("OGE_DAG_URL")),
            (serve(&with(&mock, &[("OGE_TOKEN_PASSWORD", "")])), Some("OGE_TOKEN_PASSWORD")),
            (serve(&with(&mock, &[("OGE_LOG", "loud")])), Some("OGE_LOG")),
        ] {
            let answer = reqwest::get(server.url("/readyz")).await.unwrap();
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap();
            assert_eq!(status, if problem.is_some() { 503 } else { 200 }, "{text}");
            assert!(text.starts_with(problem.unwrap_or("ok")), "{text}");
        }
    }
    assert_eq!(mock.all_requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_file_that_cannot_be_locked_is_not_ready() {
    let mock = mock().await;
    for serve in [super::serve, super::oge_serve] {
        let state = tempfile::tempdir().unwrap();
        let server = Arc::new(serve(&mock.settings(), Some(state.path()), &[]));
        let ready = async || {
            let answer = reqwest::get(server.url("/readyz")).await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        // `oge` builds its host in the background, and checks the file when that is done.
        let session = Session::http(Arc::clone(&server), "2025-11-25").await;
        session.call("run_big_query", json!({})).await;
        assert_eq!(ready().await.0, 200);
        let file = std::fs::read_dir(state.path()).unwrap().next().unwrap().unwrap().path();
        std::fs::create_dir(file.with_added_extension("lock")).unwrap();
        let (status, text) = ready().await;
        assert_eq!(status, 503, "{text}");
        assert!(text.starts_with("OGE_TOKEN_FILE cannot be locked"), "{text}");
    }
}
