//! Compares the envelope of each tool's success and of each failure kind with a file in `tests/golden`.
//! `OGE_BLESS=1` rewrites the files.

use std::fs;
use std::path::Path;

use oge_mock_platform::{Fault, Mock, Options, Route};
use serde_json::{Value, json};

use super::{STDIO, Session, Transport, with};

/// A case with the changes to the mock and the settings.
struct Case {
    name: &'static str,
    arrange: fn(&Mock),
    settings: &'static [(&'static str, &'static str)],
    tool: &'static str,
    arguments: Value,
}

const fn nothing(_: &Mock) {}

const DAGS: &str = r#"{"dags": {"d1": {"n": 1.50}, "x": "d2"}, "spaceParams": {}, "log": "完成"}"#;
const RECORD: &str = r#"{"code":200,"msg":null,"data":{"batchSessionId":17,"id":"t1","dagId":"d1","taskName":"n","state":"starting","filename":"f","format":"tif","scale":1e3,"crs":"EPSG:4326","userId":"u","userName":"name","folder":null}}"#;
const FULL_QUEUE: &str = r#"{"code":500,"msg":"队列已满"}"#;

/// Answers each request of a workflow whose task has ended.
fn workflow(mock: &Mock) {
    mock.response(Route::ExecuteCode, 200, "application/json", DAGS);
    mock.response(Route::AddTaskRecord, 200, "application/json", RECORD);
    mock.response(Route::GetState, 200, "text/plain", "success");
}

fn waiting() -> Value {
    json!({"code": "import oge", "wait_for_completion": true})
}

fn cases() -> Vec<Case> {
    let case = |name, tool, arguments: Value| Case {
        name,
        arrange: nothing,
        settings: &[],
        tool,
        arguments,
    };
    let fails = |name, arrange| Case { arrange, ..case(name, "run_big_query", json!({})) };
    let bbox = json!({"bbox": [114.0, 30.4, 114.6, 30.8]});
    vec![
        case("coverage_aspect_analysis", "coverage_aspect_analysis", bbox),
        case("run_big_query", "run_big_query", json!({})),
        Case {
            arrange: |mock| mock.response(Route::ExecuteCode, 200, "application/json", DAGS),
            ..case("execute_code_to_dag", "execute_code_to_dag", json!({"code": "import oge"}))
        },
        Case {
            arrange: |mock| mock.response(Route::AddTaskRecord, 200, "application/json", RECORD),
            ..case("submit_batch_task", "submit_batch_task", json!({"dag_id": "d1"}))
        },
        Case {
            arrange: |mock| mock.start_task("d1"),
            ..case("query_task_status", "query_task_status", json!({"dag_id": "d1"}))
        },
        Case {
            arrange: workflow,
            ..case("execute_dag_workflow", "execute_dag_workflow", waiting())
        },
        Case {
            arrange: |mock| {
                workflow(mock);
                mock.response(Route::AddTaskRecord, 200, "application/json", FULL_QUEUE);
            },
            ..case("failed_workflow", "execute_dag_workflow", waiting())
        },
        case(
            "invalid-argument",
            "coverage_aspect_analysis",
            json!({"bbox": [1, 2, 3], "box_id": 1}),
        ),
        Case {
            settings: &[("OGE_API_URL", "")],
            ..case("not-configured", "run_big_query", json!({}))
        },
        fails("unauthorized", |mock| mock.reject_all_tokens(true)),
        fails("forbidden", |mock| mock.fail(Route::Process, Fault::Status(403))),
        fails("api", |mock| mock.fail(Route::Process, Fault::Code(500))),
        fails("api-status", |mock| mock.fail(Route::Process, Fault::Status(502))),
        Case {
            arrange: |mock| mock.response(Route::ExecuteCode, 200, "application/json", "{}"),
            ..case("bad-reply", "execute_code_to_dag", json!({"code": "import oge"}))
        },
        Case {
            arrange: |mock| mock.fail(Route::Process, Fault::Hang),
            settings: &[("OGE_TIMEOUT_SECONDS", "1")],
            ..case("timeout", "run_big_query", json!({}))
        },
        Case {
            // Nothing listens on port 1.
            settings: &[("OGE_API_URL", "http://127.0.0.1:1/process")],
            ..case("network", "run_big_query", json!({}))
        },
        Case {
            arrange: |mock| mock.fail(Route::Process, Fault::Huge(5000)),
            settings: &[("OGE_MAX_REPLY_BYTES", "4096")],
            ..case("reply-too-large", "run_big_query", json!({}))
        },
        Case {
            settings: &[("OGE_TOKEN_PASSWORD", "wrong")],
            ..case("token-store", "run_big_query", json!({}))
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn envelopes_match_the_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let cases =
        || STDIO.into_iter().flat_map(|way| cases().into_iter().map(move |case| (way, case)));
    for (way, Case { name, arrange, settings, tool, arguments }) in cases() {
        let mock = Mock::start(Options::default()).await.expect("a port on loopback");
        arrange(&mock);
        let session = Session::start(&with(&mock, settings), way).await;
        let result = session.call(tool, arguments).await;
        let text = &result.content[0].as_text().unwrap().text;
        let shown = stable(text, &mock);
        let file = folder.join(name).with_extension("json");
        if std::env::var_os("OGE_BLESS").is_some() && way.0 == Transport::Stdio {
            fs::write(&file, format!("{shown}\n")).unwrap();
        }
        let golden = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(shown, golden.trim_end(), "{name}, {way:?}; OGE_BLESS=1 rewrites it");
    }
}

/// Returns the text without what differs between runs: the mock's port and times.
fn stable(text: &str, mock: &Mock) -> String {
    let text = text.replace(mock.origin(), "http://oge.test");
    [("\"execution_time\":", ","), ("\"total\":", "}"), (" after ", " s"), (" within ", " s")]
        .into_iter()
        .fold(text, |text, (before, after)| without_times(&text, before, after))
}

/// Returns the text with each number between `before` and `after` replaced by 0.
fn without_times(text: &str, before: &str, after: &str) -> String {
    let mut parts = text.split(before);
    let mut stable = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        stable.push_str(before);
        match part.split_once(after) {
            Some((number, rest)) if number.parse::<f64>().is_ok() => {
                stable.push('0');
                stable.push_str(after);
                stable.push_str(rest);
            }
            _ => stable.push_str(part),
        }
    }
    stable
}
