//! Builds the tools component, which the command embeds.

use std::path::PathBuf;

use oge_wasm_build::{Stack, WasmBuild};

fn main() -> anyhow::Result<()> {
    let build = WasmBuild::new(&["crates/guest-rt", "src", "wit"])?;
    let component = build.component("oge-tools", &[], Stack::Small)?;
    let path = PathBuf::from(std::env::var("OUT_DIR")?).join("oge-tools.wasm");
    Ok(std::fs::write(path, component)?)
}
