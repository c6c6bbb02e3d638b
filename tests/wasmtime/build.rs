//! Sets a `cfg` for each program that tests need and that can run. Builds the component that only the
//! conformance suite needs, if the suite is installed.

use std::path::PathBuf;
use std::{env, fs};

use oge_wasm_build::{Stack, WasmBuild};

#[path = "../installed.rs"]
mod installed;

fn main() -> anyhow::Result<()> {
    let chromium = installed::runs("chromium", &["--version", "--no-sandbox"]);
    let suite = installed::has_packages("../conformance");
    installed::tell(&[
        ("has_card_packages", chromium && installed::has_packages("../../card")),
        ("has_conformance_suite", suite),
        ("has_chromium", chromium),
        ("has_etcd", installed::runs("etcd", &["--version"])),
        ("has_faketime", installed::runs("faketime", &["--version"])),
    ]);
    if suite {
        let build = WasmBuild::new(&["components", "crates", "src", "tests/mcp-fixtures", "wit"])?;
        let fixtures = build.component("oge-mcp-fixtures", &[], Stack::Large)?;
        let path = PathBuf::from(env::var("OUT_DIR")?).join("oge-mcp-fixtures.wasm");
        fs::write(&path, fixtures)?;
        println!("cargo::rustc-env=OGE_MCP_FIXTURES_WASM={}", path.display());
    }
    Ok(())
}
