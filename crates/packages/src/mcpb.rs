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
    files::set_times(&stage, &shop.epoch)?;
    let bundle = shop.out.join(format!("oge-mcp-{VERSION}.mcpb"));
    shop.run(shop.node_tool("mcpb").arg("pack").arg(&stage).arg(bundle)).map(drop)
}
