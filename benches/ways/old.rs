//! The old Python server's way, if Python with httpx is installed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::ensure;

use crate::mock::MockProcess;

/// The values of `old_server.py` by name.
pub(crate) struct OldWay(pub(crate) BTreeMap<String, f64>);

impl OldWay {
    /// Runs the script with the Python of `OGE_BENCH_PYTHON`, of `target/python` or of the system. Returns
    /// `None` if httpx is not installed.
    pub(crate) fn measure(mock: &mut MockProcess) -> anyhow::Result<Option<Self>> {
        let ours =
            Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python").join("bin/python");
        let python = std::env::var_os("OGE_BENCH_PYTHON")
            .or_else(|| ours.exists().then(|| ours.into_os_string()))
            .unwrap_or_else(|| "python3".into());
        let mut probe = Command::new(&python);
        probe.args(["-c", "import httpx"]).stderr(Stdio::null());
        if !probe.status().is_ok_and(|status| status.success()) {
            println!("NOT RUN: the old server's way needs a Python with httpx (pip install httpx)");
            return Ok(None);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("old_server.py");
        let output = Command::new(python)
            .arg(script)
            .env("OGE_DAG_URL", mock.setting("OGE_DAG_URL"))
            .env("OGE_TOKEN", mock.issue_token()?)
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "old_server.py failed");
        Ok(Some(Self(serde_json::from_slice(&output.stdout)?)))
    }
}
