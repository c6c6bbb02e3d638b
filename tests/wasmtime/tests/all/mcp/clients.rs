//! Starts each configuration of `docs/clients.md` as a client would.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use oge_mock_platform::{Mock, Route};
use rmcp::ServiceExt as _;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{BEARER, Listener, envelope, request};
use crate::command::{mock, precompiled};
use crate::settings_file::every_form;

const LAUNCHER: &str = "/home/ME/.local/bin/oge-mcp";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns every server that a page configures, with the placeholders of secrets unchanged.
fn servers(page: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let blocks = text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let blocks = blocks.map(|block| -> Value { serde_json::from_str(block).expect(block) });
    blocks
        .flat_map(|block| {
            let servers = block.get("mcpServers").or(block.get("servers")).expect("servers");
            servers.as_object().unwrap().values().cloned().collect::<Vec<_>>()
        })
        .collect()
}

/// A user's home directory with the settings in a file of mode 600.
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn of(mock: &Mock) -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".config/oge");
        fs::create_dir_all(&folder).unwrap();
        let mut settings = mock.settings();
        settings.push(("OGE_MCP_BEARER".to_owned(), BEARER.to_owned()));
        let lines = settings.iter().map(|(key, value)| format!("{key}='{value}'\n"));
        let file = folder.join("site.env");
        fs::write(&file, format!("# Settings.\n\n{}OGE_LOG=\n", lines.collect::<String>()))
            .unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let home = Self(home);
        // Takes the compiled component, because compiling it takes longer than the rest of a test.
        let script = format!(
            "#!/bin/sh\nsubcommand=$1; shift; exec '{}' $subcommand --allow-precompiled \"$@\"\n",
            env!("CARGO_BIN_EXE_stock-wasmtime")
        );
        fs::write(home.runtime(), script).unwrap();
        fs::set_permissions(home.runtime(), fs::Permissions::from_mode(0o700)).unwrap();
        home
    }

    /// The runtime that the launcher starts.
    fn runtime(&self) -> PathBuf {
        self.0.path().join("wasmtime")
    }

    /// Returns a command as a client without a shell starts it.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", "/usr/bin:/bin")
            .env("WASMTIME", self.runtime())
            .env("OGE_MCP_WASM", precompiled(oge_artifacts::mcp()));
        command
    }
}

/// The launcher as an HTTP server. Killed on drop.
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) address: String,
}

impl Launched {
    /// Starts it with a limit of open files; `None` keeps the limit of this process.
    pub(super) fn start(home: &Home, files: Option<u32>) -> Self {
        let launcher = root().join("examples/mcp/oge-mcp");
        let mut command = match files {
            Some(files) => {
                let mut command = home.command("sh");
                command
                    .args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")])
                    .arg(launcher);
                command
            }
            None => home.command(launcher),
        };
        command.args(["serve", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = log
            .find_map(|line| Some(line.split("http://").nth(1)?.trim_end_matches('/').to_owned()))
            .expect("serve prints its address");
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a process's command line, which every user of the machine can read.
fn command_line(process: u32) -> String {
    let bytes = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

#[test]
fn configurations_hold_no_secret_and_match_in_both_languages() {
    let english = servers("docs/clients.md");
    assert!(english.len() >= 6, "{}", english.len());
    assert_eq!(english, servers("docs/clients.zh-CN.md"));
    for server in english {
        assert!(server.get("env").is_none(), "{server}");
        if let Some(headers) = server.get("headers") {
            assert_eq!(server["url"], "http://127.0.0.1:8080/mcp");
            let bearer = headers["Authorization"].as_str().unwrap();
            let secret = bearer.strip_prefix("Bearer ").unwrap();
            assert!(secret.starts_with("${") && secret.ends_with('}'), "{secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stdio_configuration_starts_a_working_server() {
    let mock = mock().await;
    let home = Home::of(&mock);
    let state = home.0.path().join("state");
    fs::create_dir(&state).unwrap();
    let mut started = BTreeSet::new();
    for server in servers("docs/clients.md") {
        let Some(program) = server["command"].as_str() else { continue };
        let arguments = server["args"].as_array().cloned().unwrap_or_default();
        let arguments: Vec<_> =
            arguments.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect();
        if !started.insert((program.to_owned(), arguments.clone())) {
            continue;
        }
        let mut command = match program {
            LAUNCHER => home.command(root().join("examples/mcp/oge-mcp")),
            "wasmtime" => {
                let mut command = home.command(env!("CARGO_BIN_EXE_stock-wasmtime"));
                command.envs(mock.settings());
                command
            }
            other => panic!("no test for {other}"),
        };
        for argument in arguments {
            let argument = argument.replace("C:\\oge\\state", &state.display().to_string());
            let wasm = oge_artifacts::mcp().display().to_string();
            command.arg(argument.replace("C:\\oge\\oge-mcp.wasm", &wasm));
        }
        assert_works(command, &mock).await;
    }
    assert_eq!(started.len(), 2, "{started:?}");
}

/// Asserts that a server works over stdio and that its command line has no secret.
async fn assert_works(mut command: Command, mock: &Mock) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("it starts");
    let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let client = Listener::default().serve(pipes).await.unwrap();
    let result = client.call_tool(request("run_big_query", json!({}))).await.unwrap();
    assert_eq!(envelope(&result)["success"], json!(true));
    let shown = command_line(child.id().unwrap());
    for (key, value) in mock.settings() {
        let is_secret = key.contains("PASSWORD") || key.contains("SECRET");
        assert!(!is_secret || !shown.contains(&value), "{key} in {shown}");
    }
}

/// Uses the file that `oge check` accepts in `crates/cli/tests/cli.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn the_launcher_reads_every_form_of_a_line() {
    let (mock, directory) = every_form().await;
    let home = Home::of(&mock);
    let file = home.0.path().join(".config/oge/site.env");
    fs::copy(directory.path().join("site.env"), &file).unwrap();
    assert_works(home.command(root().join("examples/mcp/oge-mcp")), &mock).await;

    // A link to a file in another directory.
    fs::remove_file(&file).unwrap();
    let link = home.0.path().join(".config/link.env");
    std::os::unix::fs::symlink(directory.path().join("site.env"), &link).unwrap();
    for key in ["OGE_SETTINGS_FILE", "OGE_ENV_FILE"] {
        let mut command = home.command(root().join("examples/mcp/oge-mcp"));
        command.env(key, &link);
        assert_works(command, &mock).await;
    }
    assert_eq!(mock.count(Route::Token), 1);
}

/// A session that started with a wrong password works when the file is corrected.
#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_settings_file_is_read_at_the_next_call() {
    let mock = mock().await;
    let home = Home::of(&mock);
    let file = home.0.path().join(".config/oge/site.env");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{good}OGE_TOKEN_PASSWORD=wrong\n")).unwrap();
    let mut command = home.command(root().join("examples/mcp/oge-mcp"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("it starts");
    let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let client = Listener::default().serve(pipes).await.unwrap();
    let call = async || {
        let result = client.call_tool(request("run_big_query", json!({}))).await.unwrap();
        (result.is_error, mock.count(Route::Token))
    };
    for _ in 0..2 {
        assert_eq!(call().await, (Some(true), 1));
    }
    fs::write(&file, good).unwrap();
    assert_eq!(call().await, (Some(false), 2));
}

#[test]
fn the_launcher_explains_a_file_that_it_cannot_open() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("site.env"), "").unwrap();
    for (name, expected) in
        [("nothing", "is not there; copy"), ("site.env", "a directory of its own")]
    {
        let mut command = Command::new(root().join("examples/mcp/oge-mcp"));
        command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
        command.env("WASMTIME", "false").env("OGE_SETTINGS_FILE", home.path().join(name));
        let output = command.output().unwrap();
        let shown = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{shown}");
        assert!(shown.contains(expected), "{shown}");
    }
}

/// Runs the launcher with `echo` as the runtime. Returns its exit code and output.
fn launched(arguments: &[&str], variables: &[(&str, &OsStr)]) -> (Option<i32>, String) {
    let mut command = Command::new(root().join("examples/mcp/oge-mcp"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    command.env("WASMTIME", "echo").args(arguments).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let shown = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn the_launcher_names_a_non_utf8_variable_without_its_value() {
    let home = tempfile::tempdir().unwrap();
    let gbk = OsStr::from_bytes(b"p\xb4\xed-MARKER");
    let (code, shown) =
        launched(&[], &[("HOME", home.path().as_os_str()), ("OGE_TOKEN_PASSWORD", gbk)]);
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("OGE_TOKEN_PASSWORD is not UTF-8"), "{shown}");
    assert!(!shown.contains("MARKER"), "{shown}");

    let lines = OsStr::new("first\nOGE_MARKER=second");
    let (code, shown) =
        launched(&[], &[("HOME", home.path().as_os_str()), ("OGE_TOKEN_PASSWORD", lines)]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("--env OGE_TOKEN_PASSWORD"), "{shown}");
    assert!(!shown.contains("MARKER"), "{shown}");
}

#[test]
fn the_launcher_needs_no_home_if_its_directories_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.env");
    let state = folder.path().join("state");
    fs::write(&file, "").unwrap();
    let settings = ("OGE_SETTINGS_FILE", file.as_os_str());
    let directory = ("OGE_STATE_DIR", state.as_os_str());
    let nowhere = ("HOME", OsStr::new("/nonexistent"));
    for variables in [vec![settings, directory], vec![settings, directory, nowhere]] {
        let (code, shown) = launched(&[], &variables);
        assert_eq!(code, Some(0), "{shown}");
    }
    for variables in [vec![settings], vec![settings, nowhere]] {
        let (code, shown) = launched(&[], &variables);
        assert_eq!(code, Some(2), "{shown}");
        assert!(shown.contains("set OGE_STATE_DIR and OGE_SETTINGS_FILE"), "{shown}");
    }
    let colons = folder.path().join("a::b");
    let (code, shown) = launched(&[], &[settings, ("OGE_STATE_DIR", colons.as_os_str())]);
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("wasmtime cannot open the directory"), "{shown}");
}

#[test]
fn the_launcher_serves_on_a_port_a_name_or_an_address() {
    let state = tempfile::tempdir().unwrap();
    for (given, address) in [
        ("8081", "127.0.0.1:8081"),
        (":8081", "127.0.0.1:8081"),
        ("localhost:8081", "127.0.0.1:8081"),
        ("[::1]:8081", "[::1]:8081"),
    ] {
        let (_, shown) =
            launched(&["serve", given], &[("OGE_STATE_DIR", state.path().as_os_str())]);
        assert!(shown.contains(&format!("--addr {address} ")), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_launcher_serves_http_with_one_token_private_to_the_user() {
    let mock = mock().await;
    let home = Home::of(&mock);
    let server = Launched::start(&home, None);
    assert!(!command_line(server.child.id()).contains(BEARER));
    for _ in 0..2 {
        let config =
            StreamableHttpClientTransportConfig::with_uri(format!("http://{}/mcp", server.address));
        let transport = StreamableHttpClientTransport::from_config(config.auth_header(BEARER));
        let client = Listener::default().serve(transport).await.unwrap();
        let result = client.call_tool(request("run_big_query", json!({}))).await.unwrap();
        assert_eq!(envelope(&result)["success"], json!(true));
    }
    assert_eq!(mock.count(Route::Token), 1);
    let state = fs::metadata(home.0.path().join(".local/state/oge")).unwrap();
    assert_eq!(state.permissions().mode() & 0o777, 0o700);
}
