//! Responses of gateways: unrequested compression, HTML pages, redirects, broken JSON.

use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use oge_mock_platform::{Fault, Route};
use oge_tools::error::FailureKind;
use oge_tools::tools::{
    CoverageAspectAnalysis, ExecuteCodeToDag, QueryTaskStatus, RunBigQuery, run_big_query,
};

use crate::fixture::{Fixture, code, mount_tai, status_of};

const EXPIRED: &str = r#"{"code":"40003","msg":"token过期或异常"}"#;

/// The output of `printf '{"dags":{}}' | gzip -n`.
const NO_DAGS: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\x56\x4a\x49\x4c\x2f\x56\xb2\xaa\xae\
    \xad\x05\0\x15\x23\x53\xeb\x0b\0\0\0";

/// Returns a complete response that closes its connection.
fn response(status: u16, headers: &str, body: &[u8]) -> Fault {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    Fault::Wire([head.as_bytes(), body].concat().into())
}

#[tokio::test]
async fn an_expired_code_in_a_compressed_body_is_detected() {
    let fixture = Fixture::logged_in().await;
    let body = compress_to_vec_zlib(EXPIRED.as_bytes(), 6);
    fixture.mock.fail_times(
        Route::Process,
        1,
        response(200, "content-encoding: deflate\r\n", &body),
    );
    let done = fixture.host.run::<CoverageAspectAnalysis>(&mount_tai()).await.unwrap();
    assert_eq!((done.attempts, fixture.mock.count(Route::Token)), (2, 1));
}

#[tokio::test]
async fn a_compressed_result_is_decoded() {
    let fixture = Fixture::new().await;
    fixture.mock.fail(Route::ExecuteCode, response(200, "Content-Encoding: GZIP\r\n", NO_DAGS));
    let done = fixture.host.run::<ExecuteCodeToDag>(&code()).await.unwrap();
    assert!(done.output.dag_ids.is_empty());
}

#[tokio::test]
async fn a_compressed_login_is_read() {
    let fixture = Fixture::new().await;
    let token = fixture.mock.issue_token();
    let login = format!(r#"{{"data":{{"token":"{token}","tokenHead":"Bearer "}}}}"#);
    let body = compress_to_vec(login.as_bytes(), 6);
    fixture.mock.fail(Route::Token, response(200, "content-encoding: deflate\r\n", &body));
    fixture.host.run::<QueryTaskStatus>(&status_of("d")).await.unwrap();
    let logins = fixture.mock.requests(Route::Token);
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn an_undecodable_body_is_a_bad_reply_naming_the_encoding() {
    let fixture = Fixture::new().await;
    for (encoding, body) in [("br", NO_DAGS), ("gzip", &NO_DAGS[..20]), ("gzip", b"{\"dags\":{}}")]
    {
        let header = format!("content-encoding: {encoding}\r\n");
        fixture.mock.fail(Route::ExecuteCode, response(200, &header, body));
        let failure = fixture.fail::<ExecuteCodeToDag>(&code()).await;
        assert_eq!((failure.kind, failure.http_status), (FailureKind::BadReply, Some(200)));
        assert!(failure.message.contains(&format!("`{encoding}`")), "{failure}");
    }
}

#[tokio::test]
async fn a_decompression_bomb_is_too_large() {
    let fixture = Fixture::set(&[("OGE_MAX_REPLY_BYTES", "100000")]).await;
    let bomb = compress_to_vec_zlib(&vec![b' '; 20_000_000], 6);
    fixture.mock.fail(Route::Process, response(200, "content-encoding: deflate\r\n", &bomb));
    let failure = fixture.fail::<CoverageAspectAnalysis>(&mount_tai()).await;
    assert_eq!(failure.kind, FailureKind::ReplyTooLarge, "{failure}");
}

#[tokio::test]
async fn a_path_that_is_not_found_is_named_with_its_setting_and_without_its_query() {
    let fixture = Fixture::new().await;
    fixture.mock.fail(Route::Process, response(404, "", b"<html>404</html>"));
    let failure = fixture.fail::<CoverageAspectAnalysis>(&mount_tai()).await;
    assert_eq!(
        failure.message,
        "the platform answered HTTP 404 to POST /gateway/computation-api/process: <html>404</html>; \
         check whether OGE_API_URL is right"
    );
    fixture.mock.fail(Route::GetState, response(405, "", b"no"));
    let message = fixture.ask().await.unwrap_err().message;
    assert!(
        message.contains("GET /api/oge-dag-22/getState: no; check whether OGE_DAG_URL"),
        "{message}"
    );
}

#[tokio::test]
async fn a_compressed_error_response_shows_its_reason() {
    let fixture = Fixture::new().await;
    let body = compress_to_vec_zlib(r#"{"error":"x","message":"内存不足"}"#.as_bytes(), 6);
    fixture.mock.fail(Route::Process, response(500, "content-encoding: deflate\r\n", &body));
    let failure = fixture.fail::<CoverageAspectAnalysis>(&mount_tai()).await;
    assert_eq!(failure.message, "the platform answered HTTP 500: 内存不足");
    assert!(fixture.log().iter().any(|line| line.contains("HTTP 500: 内存不足")));
}

#[tokio::test]
async fn pages_and_broken_bodies_are_bad_replies_naming_a_setting() {
    let fixture = Fixture::new().await;
    for (content_type, body) in [
        ("text/html;charset=UTF-8", "<!DOCTYPE html><title>统一登录</title>"),
        ("text/plain", "\n<html>login</html>"),
        ("application/json", ""),
        ("text/plain", "{\"code\":200"),
    ] {
        fixture.mock.response(Route::Process, 200, content_type, body);
        fixture.mock.response(Route::GetState, 200, content_type, body);
        let query = fixture.fail::<RunBigQuery>(&run_big_query::Arguments::default()).await;
        let state = fixture.fail::<QueryTaskStatus>(&status_of("d")).await;
        for (failure, setting) in [(query, "OGE_API_URL"), (state, "OGE_DAG_URL")] {
            assert_eq!((failure.kind, failure.http_status), (FailureKind::BadReply, Some(200)));
            assert!(failure.message.contains(setting), "{failure}");
            assert_eq!(failure.body.as_deref(), Some(body));
        }
    }
    fixture.mock.response(Route::Process, 200, "text/plain", "排队中");
    let done = fixture.host.run::<CoverageAspectAnalysis>(&mount_tai()).await.unwrap();
    assert!(done.output.data.starts_with(r#"{"raw_text":"排队中","#), "{}", done.output.data);
}

#[tokio::test]
async fn a_redirect_names_its_target_and_the_setting() {
    let fixture = Fixture::new().await;
    let header = "location: https://user:pw@sso.test/login?next=SECRET\r\n";
    fixture.mock.fail(Route::GetState, response(302, header, b""));
    let failure = fixture.fail::<QueryTaskStatus>(&status_of("d")).await;
    assert_eq!((failure.kind, failure.http_status), (FailureKind::Api, Some(302)));
    assert!(failure.message.contains("redirects to https://sso.test; "), "{failure}");
    assert!(failure.message.contains("OGE_DAG_URL"), "{failure}");
}

#[tokio::test]
async fn nan_and_infinity_become_null() {
    let fixture = Fixture::new().await;
    let body = r#"{"code":20000.0,"data":{"mean":NaN,"max":-Infinity,"text":"NaN"}}"#;
    fixture.mock.response(Route::Process, 200, "application/json", body);
    let done = fixture.host.run::<CoverageAspectAnalysis>(&mount_tai()).await.unwrap();
    let json = r#"{"code":20000.0,"data":{"mean":null,"max":null,"text":"NaN"}}"#;
    assert_eq!(done.output.data, json);
}

#[tokio::test]
async fn a_state_longer_than_4_kib_is_a_bad_reply() {
    let fixture = Fixture::new().await;
    for body in ["x".repeat(4097), format!(r#"{{"status":"{}"}}"#, "x".repeat(4097))] {
        fixture.mock.response(Route::GetState, 200, "text/plain", body);
        let failure = fixture.fail::<QueryTaskStatus>(&status_of("d")).await;
        assert_eq!(failure.kind, FailureKind::BadReply);
        assert!(failure.body.is_some_and(|body| body.contains("xxx")));
    }
    fixture.mock.response(Route::GetState, 200, "text/plain", "x".repeat(4096));
    fixture.host.run::<QueryTaskStatus>(&status_of("d")).await.unwrap();
}
