//! The bundle for Claude Desktop: the npm package's files, and a form for the settings.

use std::fs;
use std::path::Path;

use crate::workshop::Workshop;
use crate::{VERSION, files};

pub(crate) fn build(shop: &Workshop, npm: &Path) -> anyhow::Result<()> {
    let stage = shop.stage.join("mcpb");
    files::copy_all(npm, &stage.join("server"), &|_| true)?;
    let mut node = shop.command("node");
    let manifest = shop.run(node.arg(shop.templates.join("mcpb/manifest.mjs")).arg(VERSION))?;
    fs::write(stage.join("manifest.json"), manifest)?;
    shop.run(shop.node_tool("mcpb").arg("validate").arg(stage.join("manifest.json")))?;
    files::set_times(&stage, &shop.epoch)?;
    // Not `mcpb pack`, which writes the time of day into the archive.
    let mut zip = shop.command(shop.python());
    zip.args(["-m", "zipfile", "--create"]).arg(shop.out.join(format!("oge-mcp-{VERSION}.mcpb")));
    shop.run(zip.args(["manifest.json", "server"]).current_dir(&stage)).map(drop)
}
