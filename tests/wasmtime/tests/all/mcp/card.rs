//! Runs the card in Chromium, with the official bridge as its host, against the command `oge` and the component.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{BEARER, SERVERS, with};
use crate::command::mock;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(has_card_packages), ignore = "needs chromium, Node.js and npm ci in card")]
async fn the_card_shows_results_and_follows_tasks() {
    let mock = mock().await;
    for serve in SERVERS {
        let server = serve(&with(&mock, &[]));
        node(&["test/run.mjs", &server.url("/mcp"), "OGE_MCP_BEARER"]);
    }
}

#[test]
#[cfg_attr(not(has_card_packages), ignore = "needs chromium, Node.js and npm ci in card")]
fn the_committed_card_is_what_its_sources_give() {
    node(&["build.mjs", "--check"]);
}

fn node(arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../card");
    let output = Command::new("node")
        .args(arguments)
        .env("OGE_MCP_BEARER", BEARER)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    println!("{report}");
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
}
