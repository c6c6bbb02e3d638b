//! A component in a server process.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::Context as _;
use tempfile::TempDir;

use super::native::settings;
use super::{Site, Way, Wire, call};

/// A server process. Killed on drop.
pub(crate) struct Served {
    child: Child,
    _state: TempDir,
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
}

impl Served {
    /// Starts a server and waits until it prints its address on stderr.
    pub(crate) fn start(mut command: Command, state: TempDir) -> anyhow::Result<Self> {
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let mut log = BufReader::new(child.stderr.take().context("a pipe")?).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split("http://").nth(1)?.trim_end_matches('/').to_owned()))
            .context("the server printed no address")?;
        // The server would block on a full pipe.
        thread::spawn(move || log.for_each(drop));
        Ok(Self { child, _state: state, origin: format!("http://{address}") })
    }

    /// Returns a way that asks the gateway for a task's state.
    pub(crate) fn way(self, name: &'static str, site: &Site) -> anyhow::Result<Way> {
        let client = Wire::new(&settings(site)?);
        let uri: http::Uri = self.origin.parse()?;
        let status = call(move || {
            // Keeps the server alive as long as the call.
            let _ = &self;
            let (client, uri) = (client.clone(), uri.clone());
            async move { client.get(uri).await }
        });
        Ok(Way { name, status, query: None })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
