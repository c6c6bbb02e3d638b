//! Runs the official conformance suite against the shipped component, the command `oge`, and the component with
//! the suite's tools.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{BEARER, oge_serve, serve};
use crate::command::mock;
use crate::serve::Server;

/// The component with the suite's tools, built if the suite is installed.
const FIXTURES: Option<&str> = option_env!("OGE_MCP_FIXTURES_WASM");

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_conformance_suite), ignore = "needs Node.js and npm ci in tests/conformance")]
async fn the_suites_scenarios_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance");
    let mock = mock().await;
    let shipped = serve(&mock.settings(), None, &[]);
    let native = oge_serve(&mock.settings(), None, &[]);
    let bearer = [("OGE_MCP_BEARER".to_owned(), BEARER.to_owned())];
    // One instance serves all requests, so that it knows which tasks were cancelled.
    let reuse = ["--max-instance-reuse-count", "100000", "--idle-instance-timeout", "600s"];
    let fixtures = Path::new(FIXTURES.expect("npm ci in tests/conformance"));
    let fixtures = Server::of(fixtures, &bearer, None, &reuse);
    let output = Command::new("node")
        .args(["run.mjs", &shipped.url("/mcp"), &native.url("/mcp"), &fixtures.url("/mcp")])
        .args(["--bearer", "OGE_MCP_BEARER"])
        .env("OGE_MCP_BEARER", BEARER)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    println!("{report}");
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
}
