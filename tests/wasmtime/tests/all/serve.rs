//! `wasmtime serve`: a new instance for each request, and one token for all with a token file.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use oge_mock_platform::{Mock, Route};
use tempfile::tempdir;

use crate::command::{add_component, mock, oge, single_session_mock, wasmtime};

/// How many lines of a log are kept.
const MAX_LINES: usize = 1000;

/// A server. Killed on drop.
pub struct Server {
    child: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts the gateway in front of the tools, with a token file in `directory` if there is one.
    pub fn start(mock: &Mock, directory: Option<&Path>) -> Self {
        Self::of(oge_artifacts::gateway(), &mock.settings(), directory, &[])
    }

    /// Starts `wasmtime serve` of a component on a free port.
    pub fn of(
        component: &Path,
        settings: &[(String, String)],
        directory: Option<&Path>,
        flags: &[&str],
    ) -> Self {
        let mut settings = settings.to_vec();
        if directory.is_some() {
            settings.push(("OGE_TOKEN_FILE".to_owned(), "/state/token".to_owned()));
        }
        let mut command: Command = wasmtime("serve", &settings);
        if let Some(directory) = directory {
            command.arg("--dir").arg(format!("{}::/state", directory.display()));
        }
        command.args(["-S", "cli", "--addr", "127.0.0.1:0"]).args(flags);
        add_component(&mut command, component);
        Self::start_command(command)
    }

    /// Starts `oge serve` on a free port, with a token file in `directory` if there is one.
    pub fn oge(settings: &[(String, String)], directory: Option<&Path>, flags: &[&str]) -> Self {
        let mut command = oge("serve", settings);
        if let Some(directory) = directory {
            command.env("OGE_TOKEN_FILE", directory.join("token"));
        }
        command.arg(":0").args(flags);
        Self::start_command(command)
    }

    /// Starts a server with this command.
    pub fn start_command(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split("http://").nth(1)?.split('/').next()?.to_owned()))
            .expect("serve prints its address");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        // The server would block on a full pipe.
        thread::spawn(move || {
            log.map_while(Result::ok).for_each(|line| {
                let mut kept = kept.lock().unwrap();
                if kept.len() < MAX_LINES {
                    kept.push(line);
                }
            });
        });
        Self { child, address, log: lines }
    }

    /// Returns the first lines of the log after the address.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Returns the URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has exited.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    fn ask(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let address = &self.address;
        write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends requests at the same time and asserts that all succeed.
    pub fn ask_at_once(&self, callers: usize) {
        thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| {
                    let answer = self.ask();
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                });
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_callers_share_one_login() {
    let mock = single_session_mock().await;
    let directory = tempdir().unwrap();
    let server = Server::start(&mock, Some(directory.path()));
    server.ask_at_once(64);
    assert_eq!(mock.count(Route::Token), 1, "64 callers and no token yet");
    mock.revoke_tokens();
    server.ask_at_once(64);
    assert_eq!(mock.count(Route::Token), 2, "64 callers on an expired token");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_each_instance_logs_in_once() {
    let mock = mock().await;
    let server = Server::start(&mock, None);
    for _ in 0..5 {
        server.ask_at_once(1);
    }
    assert_eq!(mock.count(Route::Token), 5);
}
