//! No token, password or secret appears in a failure, a log or debug output.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use oge_mock_platform::{Credentials, Fault, Options, Route};
use oge_tools::api;
use oge_tools::envelope::Envelope;
use oge_tools::error::Failure;
use oge_tools::secret::{EXCERPT_BYTES, Secret};
use oge_tools::tools::{QueryTaskStatus, query_task_status};

use crate::fixture::{Fixture, status_of};

const PASSWORD: &str = "MARKER_P@ss-word!";
const CLIENT_SECRET: &str = "MARKER-client=1.~";

/// The texts that must not appear in any output, with these credentials.
pub const TELLTALES: [&str; 4] = ["MARKER", "eyJ", "P%40ss", "client%3D1"];

/// Returns credentials with a marker in each secret.
pub fn credentials() -> Credentials {
    Credentials {
        password: PASSWORD.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        ..Credentials::default()
    }
}

async fn fixture() -> Fixture {
    let options = Options::default().credentials(credentials());
    Fixture::with(options, |builder| builder.settings([("OGE_LOG", "debug")])).await
}

/// Returns every form in which a failure is shown, and the log.
fn shown(fixture: &Fixture, failure: &Failure) -> String {
    let envelope = Envelope::<query_task_status::Output>::of::<QueryTaskStatus>(Err(failure));
    format!("{failure} {failure:?} {} {:?}", envelope.to_json(), fixture.log())
}

fn assert_clean(text: &str) {
    for secret in TELLTALES {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_token_that_the_platform_repeats_is_hidden() {
    let fixture = fixture().await;
    fixture.mock.fail(Route::GetState, Fault::EchoToken);
    let failure = fixture.ask().await.unwrap_err();
    assert!(failure.body.as_deref().unwrap().contains("***"), "{failure:?}");
    assert_clean(&shown(&fixture, &failure));
}

#[tokio::test]
async fn a_callers_token_that_the_platform_repeats_is_hidden() {
    let fixture = fixture().await;
    fixture.mock.fail(Route::GetState, Fault::EchoToken);
    let mut arguments = status_of("d");
    arguments.auth_token = Some(Secret::new("eyJtoken.MARKERMARKER.MARKERMARKER"));
    let failure = fixture.fail::<QueryTaskStatus>(&arguments).await;
    assert_clean(&shown(&fixture, &failure));
    assert_clean(&format!("{arguments:?}"));
}

#[tokio::test]
async fn credentials_that_the_login_repeats_are_hidden() {
    let fixture = fixture().await;
    fixture.mock.fail(Route::Token, Fault::EchoToken);
    let failure = fixture.ask().await.unwrap_err();
    assert!(failure.message.contains("***"), "{failure}");
    assert_clean(&shown(&fixture, &failure));
}

#[tokio::test]
async fn an_unknown_login_response_is_not_quoted() {
    let fixture = fixture().await;
    let body =
        r#"{"code":200,"msg":"eyJhbGciOiJIUzI1NiJ9.MARKER.c2ln","data":{"jwt":"eyJMARKER"}}"#;
    fixture.mock.response(Route::Token, 200, "application/json", body);
    let failure = fixture.ask().await.unwrap_err();
    assert_clean(&shown(&fixture, &failure));
}

#[tokio::test]
async fn a_successful_call_logs_no_secret() {
    let fixture = fixture().await;
    fixture.ask().await.unwrap();
    fixture.mock.revoke_tokens();
    fixture.ask().await.unwrap();
    assert!(fixture.log().len() > 5, "{:?}", fixture.log());
    assert_clean(&format!("{:?}", fixture.log()));
}

#[tokio::test]
async fn a_private_header_is_hidden_with_any_token() {
    let fixture = Fixture::new().await;
    fixture.mock.response(
        Route::Other,
        200,
        "application/json",
        r#"{"code":500,"msg":"key MARKER-4711"}"#,
    );
    for auth_token in [None, Some(Secret::new(fixture.mock.issue_token()))] {
        let arguments = api::Arguments {
            url: format!("{}/other", fixture.mock.origin()),
            headers: Some(vec![("X-Api-Key".to_owned(), Secret::new("MARKER-4711"))]),
            use_intranet_token: Some(true),
            auth_token,
            ..Default::default()
        };
        let error = fixture.host.call_api(&arguments).await.unwrap_err();
        assert!(error.to_string().contains("***"), "{error}");
        assert!(!format!("{error:?}{:?}", fixture.log()).contains("MARKER-4711"), "{error:?}");
    }
}

/// Makes the platform respond with a text that repeats secrets which the call did not send.
fn repeat(fixture: &Fixture, status: u16, content_type: &str, body: String) {
    fixture.mock.response(Route::GetState, status, content_type, body);
}

#[tokio::test]
async fn every_account_secret_that_the_platform_repeats_is_hidden() {
    const BEARER: &str = "MARKER-bearer";
    let options = Options::default().credentials(credentials());
    let given = [("OGE_LOG", "debug"), ("OGE_TOKEN", TOKEN), ("OGE_MCP_BEARER", BEARER)];
    let fixture = Fixture::with(options, |builder| builder.settings(given)).await;
    fixture.ask().await.unwrap();
    fixture.mock.revoke_tokens();
    fixture.ask().await.unwrap();
    let sent = fixture.mock.requests(Route::GetState);
    let sent = sent.iter().map(|request| request.header("authorization").unwrap().to_owned());
    let mut secrets: Vec<_> = sent.collect();
    secrets.dedup();
    assert_eq!(secrets.len(), 3, "the given token, and two logins");
    let current = secrets[2].clone();
    secrets.extend([PASSWORD, CLIENT_SECRET, TOKEN, BEARER].map(str::to_owned));
    for secret in secrets {
        for (status, content_type, body) in [
            (500, "text/plain", format!("bad {secret}!")),
            (200, "application/json", format!(r#"{{"code":500,"msg":"bad {secret}!"}}"#)),
            (403, "text/html", format!("<h1>bad {secret}!</h1>")),
        ] {
            repeat(&fixture, status, content_type, body);
            let store = fixture.ask().await.unwrap_err();
            let mut arguments = status_of("d");
            arguments.auth_token = Some(Secret::new(current.as_str()));
            let caller = fixture.fail::<QueryTaskStatus>(&arguments).await;
            // The tools hide the pieces that other tokens share with their own; the host hides the rest.
            let hides = |text: &str| {
                let (_, hidden) = text.split_once("bad ").unwrap();
                hidden.trim_start_matches('*').starts_with('!')
            };
            for failure in [store, caller] {
                assert!(hides(&failure.message), "{failure}");
                assert!(hides(failure.body.as_deref().unwrap()), "{failure:?}");
                assert_clean(&shown(&fixture, &failure));
            }
        }
    }
}

#[tokio::test]
async fn a_truncated_text_shows_no_part_of_a_password() {
    let fixture = fixture().await;
    for beyond in 3..PASSWORD.len() {
        let filler = "x".repeat(EXCERPT_BYTES - beyond);
        repeat(&fixture, 500, "text/plain", format!("{filler}{PASSWORD}"));
        let failure = fixture.ask().await.unwrap_err();
        assert_eq!(failure.body.as_deref(), Some(&*format!("{filler}***…")), "{beyond}");
        assert!(!shown(&fixture, &failure).contains("xM"), "{beyond}: {failure}");
    }
}

#[tokio::test]
async fn a_log_shows_its_level_and_more_severe_ones() {
    for (level, lines) in [("off", 0), ("error", 1), ("warn", 1), ("info", 1), ("debug", 3)] {
        let fixture = Fixture::set(&[("OGE_LOG", level)]).await;
        fixture.mock.fail(Route::GetState, oge_mock_platform::Fault::Status(500));
        fixture.ask().await.unwrap_err();
        assert_eq!(fixture.log().len(), lines, "{level}: {:?}", fixture.log());
    }
}

/// A caller's token.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.TUFSS0VSTUFSS0VSTUFSS0VS.bWFya2VyLW1hcmtlcg";

/// Returns the forms in which a platform or gateway may repeat a secret, escaped for a JSON string.
fn spellings(secret: &str) -> Vec<(&'static str, String)> {
    let each = |spell: fn(u8) -> String| secret.bytes().map(spell).collect::<String>();
    let pieces: Vec<_> = secret.as_bytes().chunks(16).map(String::from_utf8_lossy).collect();
    vec![
        ("unchanged", secret.replace('"', "\\\"")),
        ("in capitals", secret.to_uppercase()),
        ("in small letters", secret.to_lowercase()),
        ("cut short", secret[..secret.len() / 2 + 4].to_owned()),
        ("the end alone", secret[secret.len() - 13..].to_owned()),
        ("escaped as in JSON", each(|byte| format!("\\u00{byte:02x}"))),
        ("JSON in JSON", each(|byte| format!("\\\\u00{byte:02X}"))),
        ("in a URL", each(|byte| format!("%{byte:02x}"))),
        ("in a URL in a URL", each(|byte| format!("%25{byte:02X}"))),
        ("broken over lines", pieces.join("\\r\\n ")),
        ("in pieces", pieces.join("\\\", \\\"")),
    ]
}

/// Asserts that no twelve consecutive bytes of the spelled secret are shown.
#[track_caller]
fn assert_hidden(shown: &str, how: &str, spelled: &str) {
    for piece in spelled.as_bytes().windows(12) {
        let piece = std::str::from_utf8(piece).unwrap();
        assert!(!shown.contains(piece), "{how}: {piece} of {spelled} in {shown}");
    }
}

/// Returns the failure of a call with a caller's token.
async fn fail_with_token(fixture: &Fixture) -> Failure {
    let mut arguments = status_of("d");
    arguments.auth_token = Some(Secret::new(TOKEN));
    fixture.fail::<QueryTaskStatus>(&arguments).await
}

#[tokio::test]
async fn no_spelling_of_a_token_that_the_platform_repeats_is_shown() {
    let fixture = fixture().await;
    for (how, spelled) in spellings(TOKEN) {
        for (status, content_type, body) in [
            (500, "application/json", format!(r#"{{"code":500,"msg":"bad {spelled}"}}"#)),
            (200, "application/json", format!(r#"{{"code":500,"msg":"bad {spelled}"}}"#)),
            (200, "application/json", format!(r#"{{"code":40003,"msg":"bad {spelled}"}}"#)),
            (200, "application/json", format!(r#"{{"code":500,"data":{{"a":["{spelled}"]}}}}"#)),
            (401, "text/plain", spelled.clone()),
            (403, "text/html", format!("<h1>{spelled}</h1>")),
        ] {
            let content_type = content_type.to_owned();
            let fault = Fault::Response { status, content_type, body: body.into() };
            fixture.mock.fail(Route::GetState, fault);
            let failure = fail_with_token(&fixture).await;
            let body = failure.body.as_deref().unwrap();
            assert!(body.contains("***"), "{how}: {body}");
            assert_hidden(&format!("{failure} {body}"), how, &spelled);
            assert_hidden(&shown(&fixture, &failure), how, &spelled);
        }
    }
}

#[tokio::test]
async fn no_spelling_of_a_credential_that_the_login_repeats_is_shown() {
    let fixture = fixture().await;
    for secret in [PASSWORD, CLIENT_SECRET] {
        for (how, spelled) in spellings(secret) {
            // Statuses that do not reject the credentials, after which no login would be made for a while.
            for status in [200, 500] {
                let body = format!(r#"{{"code":500,"msg":"not {spelled}"}}"#);
                let content_type = "application/json".to_owned();
                let fault = Fault::Response { status, content_type, body: body.into() };
                fixture.mock.fail(Route::Token, fault);
                let failure = fixture.ask().await.unwrap_err();
                assert!(failure.message.contains("***"), "{how}: {failure}");
                assert_hidden(&shown(&fixture, &failure), how, &spelled);
            }
        }
    }
}

/// Starts a server that sends this response once, with `$` replaced by the received token.
fn repeats(response: &'static str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/dag", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        let lines = BufReader::new(&connection).lines().map_while(Result::ok);
        let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let token = head.iter().find_map(|line| line.strip_prefix("authorization: ")).unwrap();
        (&connection).write_all(response.replace('$', token).as_bytes()).unwrap();
    });
    url
}

#[tokio::test]
async fn a_token_in_a_status_line_or_a_header_is_not_shown() {
    for response in [
        "HTTP/1.1 500 bad $\r\nx-echo: $\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/?t=$\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 401 $\r\nwww-authenticate: Bearer realm=\"$\"\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 500 bad\r\ncontent-type: $\r\nset-cookie: t=$\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 403 no\r\ntransfer-encoding: chunked\r\n\r\n$\r\n",
        "HTTP/1.1 $\r\n\r\n",
        "$\r\n\r\n",
    ] {
        let url = repeats(response);
        let settings = [("OGE_DAG_URL", url.as_str()), ("OGE_LOG", "debug")];
        let fixture = Fixture::set(&settings).await;
        let failure = fail_with_token(&fixture).await;
        assert_hidden(&shown(&fixture, &failure), response, TOKEN);
    }
}
