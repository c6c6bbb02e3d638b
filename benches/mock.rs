//! Runs the mock in its own process, so that its CPU time and memory are not counted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use oge_mock_platform::{Mock, Options, Route};

use crate::role::Role;

/// A mock process. Killed on drop.
pub(crate) struct MockProcess {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    settings: Vec<(String, String)>,
}

impl MockProcess {
    /// Starts a mock with this latency of each response.
    pub(crate) fn start(latency: Duration) -> anyhow::Result<Self> {
        let mut command = Role::Mock.command()?;
        command.arg(latency.as_millis().to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().context("a pipe")?;
        let stdout = BufReader::new(child.stdout.take().context("a pipe")?);
        let mut mock = Self { child, stdin, stdout, settings: Vec::new() };
        loop {
            let line = mock.line()?;
            let Some((key, value)) = line.split_once('=') else { break };
            mock.settings.push((key.to_owned(), value.to_owned()));
        }
        Ok(mock)
    }

    /// Returns the settings of a client of the mock.
    pub(crate) fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    pub(crate) fn setting(&self, key: &str) -> String {
        let found = self.settings.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Returns a valid token.
    pub(crate) fn issue_token(&mut self) -> anyhow::Result<String> {
        self.tell("token")
    }

    /// Returns the number of logins since the last such request.
    pub(crate) fn logins(&mut self) -> anyhow::Result<u64> {
        Ok(self.tell("logins")?.parse()?)
    }

    /// Makes the computation API respond with `bytes` bytes.
    pub(crate) fn answer_with(&mut self, bytes: usize) -> anyhow::Result<()> {
        self.tell(&format!("answer {bytes}")).map(drop)
    }

    fn tell(&mut self, what: &str) -> anyhow::Result<String> {
        writeln!(self.stdin, "{what}")?;
        self.line()
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for MockProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs as the mock process: prints the settings, then a line for each line of input until it closes.
pub(crate) fn serve() -> anyhow::Result<()> {
    let latency = std::env::args().nth(1).context("a latency in milliseconds")?.parse()?;
    let options = Options::default().record(false).latency(Duration::from_millis(latency));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mock = runtime.block_on(Mock::start(options))?;
    for (key, value) in mock.settings() {
        println!("{key}={value}");
    }
    println!();
    for line in std::io::stdin().lines() {
        let line = line?;
        let mut words = line.split(' ');
        match (words.next(), words.next()) {
            (Some("token"), _) => println!("{}", mock.issue_token()),
            (Some("logins"), _) => {
                println!("{}", mock.count(Route::Token));
                mock.clear_requests();
            }
            (Some("answer"), Some(bytes)) => {
                let body = features(bytes.parse()?);
                mock.response(Route::Process, 200, "application/json", body);
                println!();
            }
            _ => anyhow::bail!("{line:?} is not a command"),
        }
    }
    Ok(())
}

/// Returns GeoJSON of exactly `bytes` bytes, like the response of a query for land parcels.
fn features(bytes: usize) -> String {
    const FEATURE: &str = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[114.3055,30.5928]},"properties":{"DLMC":"水田","TBMJ":1204.5}},"#;
    const LAST: &str = r#"{"type":"Feature","geometry":null,"properties":null}]}"#;
    let mut text = r#"{"type":"FeatureCollection","features":["#.to_owned();
    while text.len() + FEATURE.len() + LAST.len() <= bytes {
        text.push_str(FEATURE);
    }
    // JSON allows blanks between values.
    text.extend(std::iter::repeat_n(' ', bytes.saturating_sub(text.len() + LAST.len())));
    text.push_str(LAST);
    text
}
