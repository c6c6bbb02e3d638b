//! `oge call`: texts from files, waiting, results in files, Ctrl-C and help.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use oge_mock_platform::{Fault, Mock, Options, Route};
use tempfile::tempdir;

use self::common::{mock, oge, run, text};

const STATUS: [&str; 4] = ["call", "query_task_status", "--dag-id", "d"];

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns what an option's argument would be in a request.
fn sent(mock: &Mock) -> String {
    mock.all_requests().last().unwrap().json().to_string()
}

#[tokio::test]
async fn large_texts_are_read_from_a_file_or_standard_input() {
    let (mock, folder) = (mock().await, tempdir().unwrap());
    let file = folder.path().join("坡 向.py");
    fs::write(&file, "\u{feff}import oge\r\n# 坡").unwrap();
    for (tool, option) in [
        (&["execute_code_to_dag"][..], "--code-file"),
        (&["run_big_query"], "--query-file"),
        (&["submit_batch_task", "--dag-id", "d"], "--script-file"),
    ] {
        let inline = option.strip_suffix("-file").unwrap();
        let marked = format!("@{}", path(&file));
        for (option, name) in
            [(option, path(&file)), (option, "-"), (inline, &*marked), (inline, "@-")]
        {
            let arguments = [&["call"], tool, &[option, name]].concat();
            let input = fs::File::open(&file).unwrap();
            let output = oge(&arguments, &mock.settings()).stdin(input).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{arguments:?} {output:?}");
            assert!(sent(&mock).contains(r#":"import oge\r\n# 坡""#), "{}", sent(&mock));
        }
    }
}

#[tokio::test]
async fn the_name_of_a_file_is_not_sent_as_its_text() {
    let (mock, folder) = (mock().await, tempdir().unwrap());
    let file = folder.path().join("my.py");
    fs::write(&file, "import oge").unwrap();
    let file = path(&file);
    for (tool, option, value, hint) in [
        ("execute_code_to_dag", "--code", file, format!("use --code-file {file}")),
        ("execute_code_to_dag", "--code", "-", "use --code-file -".to_owned()),
        ("run_big_query", "--query", "@none.sql", "none.sql: it cannot be read".to_owned()),
        ("submit_batch_task", "--script", file, format!("use --script-file {file}")),
    ] {
        let dag: &[&str] = if tool == "submit_batch_task" { &["--dag-id", "d"] } else { &[] };
        let output = run(&[&["call", tool, option, value], dag].concat(), &mock.settings());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(&hint), "{output:?}");
    }
    assert!(mock.all_requests().is_empty());
    let code = "@decorator\ndef f(): pass";
    let output = run(&["call", "execute_code_to_dag", "--code", code], &mock.settings());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn a_blank_text_does_not_take_the_default() {
    let mock = mock().await;
    let output = run(&["call", "run_big_query", "--query", " "], &mock.settings());
    assert_eq!(output.status.code(), Some(2));
    let expected =
        "FAILED 大数据查询失败: query is blank; leave it out to use the default, or pass a text\n";
    assert_eq!(text(&output.stdout), expected);
    assert!(mock.all_requests().is_empty());
}

#[test]
fn a_text_that_cannot_be_read_is_named_with_the_cause() {
    let folder = tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let large = vec![b'#'; (4 << 20) + 1];
    for (name, content, expected) in [
        ("utf-16.py", &b"\xff\xfei\0"[..], "it is UTF-16; save it as UTF-8"),
        ("gbk.py", b"# \xc3\xdc", "it is not UTF-8 (perhaps GBK)"),
        ("blank.py", b" \n", "it is empty"),
        ("large.py", &large, "it is larger than 4 MiB"),
        ("fifo", b"", "it is no regular file; a pipe is read with -"),
        (".", b"", "it is a directory"),
        ("none.py", b"", "it cannot be read"),
    ] {
        let file = folder.path().join(name);
        if !content.is_empty() {
            fs::write(&file, content).unwrap();
        }
        let output = run(&["call", "execute_code_to_dag", "--code-file", path(&file)], &[]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let shown = text(&output.stderr);
        assert!(shown.contains(expected) && shown.contains("--code-file"), "{name}: {shown}");
    }
}

#[tokio::test]
async fn a_wait_ends_with_the_task_or_its_time() {
    let with_code = |code, arguments: &[&str], mock: &Mock| -> serde_json::Value {
        let output = run(&[&["call", "--json"], arguments].concat(), &mock.settings());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let json = |arguments: &[&str], mock: &Mock| with_code(0, arguments, mock);
    let mock = mock().await;
    let dags = json(&["execute_code_to_dag", "--code", "x"], &mock);
    let dag = dags["data"]["dag_ids"][0].as_str().unwrap();
    json(&["submit_batch_task", "--dag-id", dag], &mock);
    let envelope = json(&["query_task_status", "--dag-id", dag, "--wait", "60"], &mock);
    assert_eq!(envelope["data"]["status"], "success", "{envelope}");
    assert_eq!(mock.count(Route::GetState), 3);
    assert!(envelope["execution_time"].as_f64().unwrap() >= 5.0, "{envelope}");

    let unknown = ["query_task_status", "--dag-id", "unknown"];
    let envelope = with_code(3, &[&unknown[..], &["--wait", "1"]].concat(), &mock);
    assert_eq!(envelope["data"]["is_completed"], false, "{envelope}");
    assert_eq!(mock.count(Route::GetState), 3 + 2);
    json(&unknown, &mock);
}

#[tokio::test]
async fn a_workflow_waits_for_its_end() {
    let mock = mock().await;
    let workflow = ["call", "execute_dag_workflow", "--code", "x", "--check-interval", "1"];
    let output = run(&[&workflow[..], &["--wait", "--json"]].concat(), &mock.settings());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let envelope: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(envelope["data"]["final_status"], "completed", "{envelope}");
    assert_eq!(mock.count(Route::GetState), 3);
    let log = text(&output.stderr);
    assert!(log.contains("info DAG批处理工作流: 第1步 代码转DAG完成"), "{log}");

    let output = run(&[&workflow[..], &["--wait=false"]].concat(), &mock.settings());
    let shown = text(&output.stdout);
    assert!(shown.starts_with("ok DAG批处理工作流成功，最终状态: submitted "), "{shown}");
    assert_eq!(mock.count(Route::GetState), 3);
}

#[tokio::test]
async fn a_failed_workflow_shows_what_was_done() {
    let (mock, folder) = (mock().await, tempdir().unwrap());
    mock.fail(Route::AddTaskRecord, Fault::Code(500));
    let workflow = ["call", "execute_dag_workflow", "--code", "x"];
    let output = run(&workflow, &mock.settings());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = text(&output.stdout);
    assert!(shown.starts_with("FAILED DAG批处理工作流失败: 提交批处理任务失败: "), "{shown}");
    assert!(shown.contains("call submit_batch_task with dag_id "), "{shown}");
    assert!(shown.contains(r#"{"final_status":"failed_at_task_submission""#), "{shown}");

    let file = folder.path().join("result.json");
    let to_file = [&workflow[..], &["--json", "--output", path(&file)]].concat();
    assert_eq!(run(&to_file, &mock.settings()).status.code(), Some(1));
    let envelope: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(envelope["error"]["kind"], "api");
    assert_eq!(envelope["data"]["dag_ids"].as_array().unwrap().len(), 1, "{envelope}");
}

#[tokio::test]
async fn a_result_is_written_whole_to_the_file_of_output() {
    let (mock, folder) = (mock().await, tempdir().unwrap());
    let file = folder.path().join("result.json");
    let to_file = ["--output", path(&file)];
    let read =
        || -> serde_json::Value { serde_json::from_slice(&fs::read(&file).unwrap()).unwrap() };

    let output = run(&[&STATUS[..], &to_file].concat(), &mock.settings());
    assert!(text(&output.stdout).starts_with("ok ") && !text(&output.stdout).contains('{'));
    assert_eq!(read()["dag_id"], "d");

    mock.fail(Route::GetState, Fault::Status(500));
    let output = run(&[&STATUS[..], &to_file].concat(), &mock.settings());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(read()["dag_id"], "d", "a failure has no data");

    let output = run(&[&STATUS[..], &to_file, &["--json"]].concat(), &mock.settings());
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert_eq!(read()["error"]["kind"], "api");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
}

#[tokio::test]
async fn an_output_that_cannot_be_written_fails() {
    let (mock, folder) = (mock().await, tempdir().unwrap());
    let output = run(&[&STATUS[..], &["--output", "/dev/full"]].concat(), &mock.settings());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the file of --output cannot be written: No space"));
    assert!(!text(&output.stdout).contains("ok"), "{output:?}");

    let sent = mock.all_requests().len();
    let none = folder.path().join("none/result.json");
    for name in [path(&none), path(folder.path())] {
        let output = run(&[&STATUS[..], &["--output", name]].concat(), &mock.settings());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(&format!("--output {name} cannot be written")));
    }
    assert_eq!(mock.all_requests().len(), sent, "found before anything is sent");
}

#[tokio::test]
async fn ctrl_c_warns_after_a_request_that_changes_something() {
    for (arguments, warns) in
        [(&["call", "submit_batch_task", "--dag-id", "d"][..], true), (&STATUS, false)]
    {
        let mock = Mock::start(Options::default().latency(Duration::from_secs(60))).await.unwrap();
        let mut settings = mock.settings();
        // So that the first request is the tool's, and not a login.
        settings.retain(|(key, _)| !key.starts_with("OGE_TOKEN") && !key.starts_with("OGE_CLIENT"));
        settings.push(("OGE_TOKEN".to_owned(), mock.issue_token()));
        let mut arrivals = mock.subscribe();
        let command = oge(arguments, &settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        arrivals.recv().await.unwrap();
        let pid = command.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let output = command.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        let shown = text(&output.stderr);
        assert!(shown.contains("oge: interrupted"), "{shown}");
        assert_eq!(shown.contains("may have taken the request"), warns, "{shown}");
    }
}

#[tokio::test]
async fn the_users_own_settings_file_is_read_after_the_named_ones() {
    let (mock, home) = (mock().await, tempdir().unwrap());
    let folder = home.path().join("oge");
    fs::create_dir(&folder).unwrap();
    let mut own = fs::File::create(folder.join("site.env")).unwrap();
    for (key, value) in mock.settings() {
        writeln!(own, "{key}={value}").unwrap();
    }
    let with_home = |arguments: &[&str]| {
        let mut command = oge(arguments, &[]);
        command.env("XDG_CONFIG_HOME", home.path());
        command
    };
    assert_eq!(with_home(&STATUS).status().unwrap().code(), Some(0));
    let other = home.path().join("other.env");
    fs::write(&other, "OGE_LOG=info\n").unwrap();
    let named = with_home(&STATUS).env("OGE_SETTINGS_FILE", &other).status().unwrap();
    assert_eq!(named.code(), Some(2), "OGE_DAG_URL is in the other file only");
    let given = [&STATUS[..], &["--env-file", path(&other)]].concat();
    assert_eq!(with_home(&given).status().unwrap().code(), Some(2));
    fs::write(folder.join("site.env"), "nonsense").unwrap();
    let output = with_home(&STATUS).output().unwrap();
    assert!(text(&output.stderr).contains("oge/site.env: line 1: there is no ="), "{output:?}");
}

#[test]
fn help_has_examples_and_exit_codes_and_wraps() {
    let output = oge(&["--help"], &[]).env("COLUMNS", "50").output().unwrap();
    let shown = text(&output.stdout);
    for expected in ["Exit codes:", "130  Ctrl-C", "Examples:", "--code-file"] {
        assert!(shown.contains(expected), "{shown}");
    }
    let output = oge(&["call", "run_big_query", "--help"], &[]).env("COLUMNS", "60").output();
    let output = output.unwrap();
    let shown = text(&output.stdout);
    assert!(shown.contains("Example:\n  oge call run_big_query"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
}

#[test]
fn completions_know_every_tool_and_option() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell], &[]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let shown = text(&output.stdout);
        for word in ["query_task_status", "code-file", "wait", "completions"] {
            assert!(shown.contains(word), "{shell}: {word}");
        }
    }
}
