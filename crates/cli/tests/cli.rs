//! The command line: output, streams and exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use oge_mock_platform::{Credentials, Fault, Mock, Options, Route};

use self::common::{mock, oge, run, text};

#[test]
fn the_demo_succeeds_and_shows_no_token() {
    let output =
        run(&["demo"], &[("OGE_DAG_URL".to_owned(), "http://elsewhere.invalid".to_owned())]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("检测到token过期(40003)，尝试自动刷新..."), "{shown}");
    assert!(shown.contains("检测到token过期(401)，尝试自动刷新..."), "{shown}");
    assert!(shown.contains("/oge-tiles/aspect_117_36.18_117.2_36.33/{z}/{x}/{y}.png\n"), "{shown}");
    assert!(shown.contains("What the user noticed: nothing."), "{shown}");
    assert!(!shown.contains("eyJ") && !shown.contains('\u{1b}'), "{shown}");
}

#[tokio::test]
async fn json_prints_the_envelope_and_nothing_else() {
    let mock = mock().await;
    let output = run(&["call", "query_task_status", "--dag-id", "d", "--json"], &mock.settings());
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(envelope["success"], true);
    assert_eq!(envelope["operation"], "查询任务状态");
    assert_eq!(envelope["api_endpoint"], "dag");
    assert_eq!(text(&output.stdout).lines().count(), 1);
}

#[tokio::test]
async fn a_failed_call_has_exit_code_1_and_a_failure_envelope() {
    let mock = mock().await;
    mock.fail(Route::Process, Fault::Status(500));
    let output = run(&["call", "run-big-query", "--json"], &mock.settings());
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&envelope["success"], &envelope["data"]), (&false.into(), &().into()));
    assert!(envelope["msg"].as_str().unwrap().ends_with("(状态码: 500)"), "{envelope}");
    assert_eq!(
        (&envelope["error"]["kind"], &envelope["error"]["attempts"]),
        (&"api".into(), &1.into())
    );
}

#[test]
fn a_missing_setting_has_exit_code_2_and_is_named() {
    let output = run(&["call", "run_big_query"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("OGE_API_URL"), "{output:?}");
}

#[tokio::test]
async fn a_bad_argument_has_exit_code_2_and_sends_nothing() {
    let mock = mock().await;
    let arguments =
        ["call", "coverage_aspect_analysis", "--bbox", "-10,-20,5,7", "--radius", "0", "--json"];
    let output = run(&arguments, &mock.settings());
    assert_eq!(output.status.code(), Some(2));
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(envelope["error"]["kind"], "invalid-argument");
    let message = envelope["error"]["message"].as_str().unwrap();
    assert_eq!(message, "radius must be a whole number from 1 to 4294967295; it was 0");
    assert!(mock.all_requests().is_empty());
}

#[tokio::test]
async fn the_callers_own_token_is_read_from_the_environment() {
    let mock = mock().await;
    let mut settings = mock.settings();
    settings.push(("MINE".to_owned(), mock.issue_token()));
    let arguments = ["call", "query_task_status", "--dag-id", "d", "--auth-token-env", "MINE"];
    assert_eq!(run(&arguments, &settings).status.code(), Some(0));
    assert_eq!(mock.count(Route::Token), 0);

    settings.pop();
    let output = run(&arguments, &settings);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--auth-token-env names is not set"), "{output:?}");
}

#[tokio::test]
async fn the_environment_overrides_the_file() {
    let mock = mock().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (key, value) in mock.settings() {
        writeln!(file, "{key}={value}").unwrap();
    }
    let path = file.path().to_str().unwrap();
    let arguments = ["call", "run_big_query", "--env-file", path];
    assert_eq!(run(&arguments, &[]).status.code(), Some(0));
    let wrong = [("OGE_TOKEN_PASSWORD".to_owned(), "wrong".to_owned())];
    assert_eq!(run(&arguments, &wrong).status.code(), Some(1));
}

#[test]
fn a_bad_line_of_a_file_is_not_quoted() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "OGE_TOKEN_PASSWORD MARKER").unwrap();
    let output = run(&["check", "--env-file", file.path().to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!format!("{output:?}").contains("MARKER"), "{output:?}");
}

/// The MCP server reads the same file in `tests/wasmtime`.
#[tokio::test]
async fn every_form_of_a_line_is_read() {
    let credentials = Credentials {
        username: "al#ice@$HOME".to_owned(),
        password: r#"it's "$x" `#\n"#.to_owned(),
        client_id: r"$client\id#1".to_owned(),
        client_secret: "密$ \\".to_owned(),
        user_id: "last # of two".to_owned(),
    };
    let mock = Mock::start(Options::default().credentials(credentials)).await.unwrap();
    let lines = include_str!("../../../tests/settings/every-form.env")
        .replace("@API@", &mock.api_url())
        .replace("@DAG@", &mock.dag_url())
        .replace("@TOKEN@", &mock.token_url())
        .replace('\n', "\r\n");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "\u{feff}{lines}").unwrap();
    let path = file.path().to_str().unwrap();
    let output = run(&["check", "--env-file", path], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(!text(&output.stdout).contains("note"), "{output:?}");
    let named = [("OGE_SETTINGS_FILE".to_owned(), path.to_owned())];
    assert_eq!(run(&["check"], &named).status.code(), Some(0));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (name, content, expected) in [
        ("utf-16.env", &b"\xff\xfeO\0"[..], "line 1: the file is UTF-16"),
        ("gbk.env", b"OGE_LOG=info\n# \xc3\xdc\n", "line 2: this is not UTF-8"),
        ("open.env", b"\n\nOGE_TOKEN_PASSWORD='MARKER\n", "line 3: a quote is not closed"),
        ("large.env", &[b'#'; (64 << 10) + 1], "is larger than 64 KiB"),
        ("fifo", b"", "it is no regular file"),
        ("", b"", "it is a directory"),
        ("nothing", b"", "it cannot be read"),
    ] {
        let path = folder.path().join(name);
        if !content.is_empty() {
            std::fs::write(&path, content).unwrap();
        }
        let output = run(&["check", "--env-file", path.to_str().unwrap()], &[]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let shown = text(&output.stderr);
        assert!(shown.contains(expected) && shown.contains("--env-file"), "{name}: {shown}");
        assert!(!shown.contains("MARKER"), "{shown}");
    }
}

#[tokio::test]
async fn a_misspelt_setting_of_a_file_is_noted() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "OGE_TIMEOUT_SECOND=5\nHTTP_PROXY=x").unwrap();
    let path = file.path().to_str().unwrap();
    let output = run(&["check", "--env-file", path], &mock().await.settings());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output.stdout);
    assert!(
        shown.contains("note OGE_TIMEOUT_SECOND no setting has this name; did you mean"),
        "{shown}"
    );
    assert!(!shown.contains("HTTP_PROXY"), "{shown}");
}

#[test]
fn a_variable_that_is_not_utf_8_is_named() {
    use std::os::unix::ffi::OsStringExt as _;
    let gbk = std::ffi::OsString::from_vec(b"\xc3\xdcMARKER".to_vec());
    let check = oge(&["check"], &[]).env("OGE_TOKEN_PASSWORD", &gbk).output().unwrap();
    assert_eq!(check.status.code(), Some(2));
    let shown = text(&check.stderr);
    assert!(
        shown.contains("OGE_TOKEN_PASSWORD is not UTF-8") && !shown.contains("MARKER"),
        "{shown}"
    );
    let arguments = ["call", "query_task_status", "--dag-id", "d", "--auth-token-env", "MINE"];
    let call = oge(&arguments, &[]).env("MINE", &gbk).output().unwrap();
    assert!(text(&call.stderr).contains("--auth-token-env names is not UTF-8"), "{call:?}");
}

#[tokio::test]
async fn a_value_may_begin_with_a_hyphen_and_a_bbox_may_have_blanks() {
    let mock = mock().await;
    let settings = mock.settings();
    for bbox in [
        "-74, 40,-73 , 41",
        "-74,40,-73,41",
        "[-74, 40, -73, 41]",
        " -74，40，-73，41",
        "-74 40 -73 41",
        "【-74、40、-73、41】",
    ] {
        let arguments = ["call", "coverage_aspect_analysis", "--bbox", bbox];
        assert_eq!(run(&arguments, &settings).status.code(), Some(0), "{bbox}");
        let sent = mock.all_requests().last().unwrap().json();
        assert_eq!(
            sent["args"]["coverage"]["preParams"]["bbox"],
            serde_json::json!([-74.0, 40.0, -73.0, 41.0])
        );
    }
    let output = run(&["call", "coverage_aspect_analysis", "--bbox", "1,two,3,4"], &settings);
    assert!(text(&output.stdout).contains("bbox must be 4 numbers; it was"), "{output:?}");
    assert_eq!(output.status.code(), Some(2));
    let arguments = ["call", "coverage_aspect_analysis", "--bbox", "1,2,3,4", "--radius", "-1"];
    let output = run(&arguments, &settings);
    assert!(text(&output.stdout).contains("radius must be a whole number from 1"), "{output:?}");
    for arguments in [
        &["run_big_query", "--query", "-- a comment\nSELECT 1", "--geometry-column", "-g"][..],
        &["execute_code_to_dag", "--code", "-1", "--user-id", "-u", "--sample-name", "--s"],
        &[
            "submit_batch_task",
            "--dag-id",
            "-d",
            "--task-name",
            "-t",
            "--script",
            "--x",
            "--crs",
            "-c",
        ],
        &["query_task_status", "--dag-id", "-d"],
    ] {
        let output = run(&[&["call"], arguments].concat(), &settings);
        assert_eq!(output.status.code(), Some(0), "{arguments:?} {output:?}");
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_an_error_and_no_panic() {
    let mock = mock().await;
    let full = || std::fs::File::create("/dev/full").unwrap();
    for arguments in [
        &["mock"][..],
        &["check"],
        &["call", "run_big_query"],
        &["call", "run_big_query", "--json"],
        &["demo"],
        &["completions", "bash"],
    ] {
        let output = oge(arguments, &mock.settings()).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {output:?}");
        let shown = text(&output.stderr);
        assert!(shown.contains("oge: standard output cannot be written: "), "{shown}");
        assert!(!shown.contains("panicked"), "{shown}");
        let status = oge(arguments, &[]).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_check_of_good_settings_passes() {
    let mock = mock().await;
    let output = run(&["check"], &mock.settings());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("ok login"), "{output:?}");
    assert_eq!(mock.count(Route::GetState), 1);
    assert_eq!(mock.requests(Route::Process)[0].json()["args"]["query"], "SELECT 1");
}

#[tokio::test]
async fn a_check_says_where_each_value_comes_from_and_why_a_grant_was_chosen() {
    let mock = mock().await;
    let (folder, mut settings) = (tempfile::tempdir().unwrap(), mock.settings());
    let path = folder.path().join("site.env");
    std::fs::write(&path, "# a site\nOGE_TOKEN_PASSWORD=old\nOGE_LOG=warn\n").unwrap();
    let path = path.to_str().unwrap();
    let shown = run(&["check", "--env-file", path], &settings);
    let shown = text(&shown.stdout);
    let password = format!("ok OGE_TOKEN_PASSWORD environment, which comes before {path} line 2\n");
    assert!(shown.contains(&password), "{shown}");
    assert!(shown.contains("ok OGE_CLIENT_ID environment\n"), "{shown}");
    assert!(shown.contains("ok grant oge (the platform's own login"), "{shown}");

    settings.retain(|(key, _)| !key.starts_with("OGE_TOKEN_USER") && !key.ends_with("PASSWORD"));
    let shown = run(&["check"], &settings);
    let shown = text(&shown.stdout);
    assert!(shown.contains("ok grant client_credentials (a client is set and no user"), "{shown}");
    assert!(shown.contains("OGE_TOKEN_USERNAME and OGE_TOKEN_PASSWORD are not set, so"), "{shown}");
}

#[tokio::test]
async fn a_check_names_every_bad_setting_once_and_checks_the_rest() {
    let mock = mock().await;
    let mut settings = mock.settings();
    for (key, value) in [("OGE_DAG_URL", "htp://x"), ("OGE_LOG", "loud")] {
        settings.retain(|(known, _)| known != key);
        settings.push((key.to_owned(), value.to_owned()));
    }
    let output = run(&["check"], &settings);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(shown.contains("FAILED OGE_DAG_URL must start with http://"), "{shown}");
    assert!(shown.contains("FAILED OGE_LOG must be one of"), "{shown}");
    assert!(shown.contains("ok run_big_query answered"), "{shown}");
    assert_eq!(shown.matches("OGE_DAG_URL").count(), 1, "{shown}");
}

#[tokio::test]
async fn a_check_speaks_http_with_each_server() {
    let mock = mock().await;
    let mut settings = mock.settings();
    for (key, value) in &mut settings {
        if key == "OGE_API_URL" {
            *value = value.replace("http://", "https://");
        }
    }
    let output = run(&["check"], &settings);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    let origin = mock.origin().to_string();
    assert!(shown.contains(&format!("ok {origin} reachable")), "{shown}");
    let https = origin.replace("http://", "https://");
    assert!(shown.contains(&format!("FAILED {https} no answer")), "{shown}");
    assert!(shown.contains("does not speak TLS on this port"), "{shown}");
    assert!(shown.contains("FAILED run_big_query"), "{shown}");
}

#[tokio::test]
async fn a_check_blames_the_url_of_the_computation_api() {
    let mock = mock().await;
    for (status, body, expected) in [
        (404, "<html>404</html>", "check whether OGE_API_URL is right"),
        (200, "<html>登录</html>", "check OGE_API_URL, and whether a gateway"),
    ] {
        mock.response(Route::Process, status, "text/html", body);
        let output = run(&["check"], &mock.settings());
        assert_eq!(output.status.code(), Some(1));
        let shown = text(&output.stdout);
        assert!(shown.contains("FAILED run_big_query") && shown.contains(expected), "{shown}");
    }
}

#[tokio::test]
async fn a_check_names_what_to_fix_and_shows_no_secret() {
    let credentials =
        Credentials { password: "MARKER-password".to_owned(), ..Credentials::default() };
    let mock = Mock::start(Options::default().credentials(credentials)).await.unwrap();
    let mut settings = mock.settings();
    for (key, value) in &mut settings {
        if key == "OGE_CLIENT_SECRET" {
            "MARKER-secret".clone_into(value);
        }
    }
    let output = run(&["check"], &settings);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("check OGE_TOKEN_USERNAME"), "{output:?}");
    assert!(!format!("{output:?}").contains("MARKER"), "{output:?}");
}

#[tokio::test]
async fn a_check_includes_the_settings_of_the_mcp_server() {
    let mock = mock().await;
    for (more, code, expected) in [
        (&[("OGE_MCP_BEARER", "abc"), ("OGE_MCP_MAX_RESULT_BYTES", "65536")][..], 0, "ok OGE_MCP_"),
        (&[("OGE_MCP_MAX_RESULT_BYTES", "64k")], 1, "FAILED OGE_MCP_MAX_RESULT_BYTES must be"),
        (&[("OGE_MCP_BEARER", "a b")], 1, "FAILED oge serve OGE_MCP_BEARER has a character"),
        (&[("OGE_MCP_ALLOWED_HOSTS", "oge.test")], 1, "FAILED oge serve OGE_MCP_BEARER is not set"),
        (&[("OGE_MCP_UNAUTHENTICATED", "yes")], 1, "FAILED oge serve OGE_MCP_UNAUTHENTICATED"),
    ] {
        let more = more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let settings: Vec<_> = mock.settings().into_iter().chain(more).collect();
        let output = run(&["check"], &settings);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stdout).contains(expected), "{output:?}");
    }
}

#[tokio::test]
async fn a_check_fails_on_a_page_or_an_empty_response() {
    let mock = mock().await;
    for (content_type, body) in [("text/html", "<html>login</html>"), ("text/plain", "")] {
        mock.response(Route::GetState, 200, content_type, body);
        let output = run(&["check"], &mock.settings());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stdout).contains("OGE_DAG_URL, and whether"), "{output:?}");
    }
}

#[test]
fn a_check_without_settings_names_all_of_them() {
    let output = run(&["check"], &[]);
    assert_eq!(output.status.code(), Some(1));
    for key in ["OGE_API_URL", "OGE_DAG_URL", "OGE_TOKEN_URL", "OGE_CLIENT_SECRET"] {
        assert!(text(&output.stdout).contains(&format!("FAILED {key}")), "{output:?}");
    }
}

#[test]
fn a_check_accepts_the_settings_that_the_mock_prints() {
    let mut mock = oge(&["mock"], &[]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(mock.stdout.take().unwrap()).lines().map(Result::unwrap);
    let settings: Vec<_> = lines
        .take_while(|line| !line.starts_with("# Requests"))
        .filter_map(|line| {
            line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))
        })
        .collect();
    let output = run(&["check"], &settings);
    mock.kill().unwrap();
    mock.wait().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn the_mock_prints_an_address_that_serves_a_tile() {
    let mut mock = oge(&["mock"], &[]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(mock.stdout.take().unwrap()).lines().map(Result::unwrap);
    let shown: Vec<_> = lines.take_while(|line| !line.starts_with("# Requests")).collect();
    let url = shown.last().and_then(|line| line.strip_prefix("#   http://")).unwrap();
    let (address, path) = url.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    mock.kill().unwrap();
    mock.wait().unwrap();
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n"), "{url}");
    assert!(response.windows(8).any(|bytes| bytes == b"\x89PNG\r\n\x1a\n"), "{url}");
}

/// Parses the file only. Its URLs are a real site's, so nothing may be sent to them.
#[test]
fn the_example_file_is_valid_and_has_no_secret() {
    let example = include_bytes!("../../../examples/site.env");
    let example = oge_tools::settings_file::SettingsFile::parse(example).unwrap();
    let value = |key: &str| example.get(key);
    for key in ["OGE_TOKEN_PASSWORD", "OGE_CLIENT_SECRET", "OGE_TOKEN"] {
        assert_eq!(value(key), Some(""), "{key}");
    }
    let get = |key: &str| value(key).map(str::to_owned);
    assert!(oge_tools::settings::Settings::read(get).is_ok());
}

#[tokio::test]
async fn a_check_fails_if_the_platform_rejects_every_token() {
    let mock = mock().await;
    mock.reject_all_tokens(true);
    let output = run(&["check"], &mock.settings());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("FAILED query_task_status"), "{output:?}");
}

#[tokio::test]
async fn a_given_token_without_a_login_passes_a_check() {
    let mock = mock().await;
    let login = ["OGE_TOKEN_", "OGE_CLIENT_"];
    let is_login = |key: &str| login.iter().any(|start| key.starts_with(start));
    let mut settings: Vec<_> =
        mock.settings().into_iter().filter(|(key, _)| !is_login(key)).collect();
    settings.push(("OGE_TOKEN".to_owned(), mock.issue_token()));
    let output = run(&["check"], &settings);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    mock.revoke_tokens();
    assert_eq!(run(&["check"], &settings).status.code(), Some(1));
}

#[test]
fn a_bad_setting_also_prints_an_envelope() {
    let bad = [("OGE_API_URL".to_owned(), "nope".to_owned())];
    let output = run(&["call", "run_big_query", "--json"], &bad);
    assert_eq!(output.status.code(), Some(2));
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(envelope["msg"].as_str().unwrap().contains("OGE_API_URL"), "{envelope}");
    assert_eq!(envelope["operation"], "大数据查询");
}

#[tokio::test]
async fn an_envelope_is_one_line_for_any_format_of_the_response() {
    let mock = mock().await;
    mock.response(
        Route::Process,
        200,
        "application/json",
        "{\n  \"b\": 1.0,\n  \"a\": \"x y\"\n}\n",
    );
    let output = run(&["call", "run_big_query", "--json"], &mock.settings());
    let shown = text(&output.stdout);
    assert!(shown.contains(r#""data":{"b":1.0,"a":"x y"},"#), "{shown}");
    assert_eq!(shown.lines().count(), 1);
}
