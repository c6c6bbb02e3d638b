//! Builds the components, composes them, documents them, and hands out their paths.
//!
//! Each component is built by a cargo command of its own, so that features never unify.

#![expect(clippy::indexing_slicing, reason = "wit-parser's arenas are read by ids of their own")]

mod cargo;
mod compose;
mod contract;
mod finish;
mod strip;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cargo::{Cargo, Stack};
use crate::contract::Contract;
use crate::finish::Finish;

fn main() -> anyhow::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let target_dir =
        out.ancestors().nth(4).context("no target directory")?.join("components-build");
    for input in [
        "Cargo.toml",
        "Cargo.lock",
        "components",
        "crates",
        "src",
        "tests/gateway",
        "tests/hostile",
        "tests/mcp-fixtures",
        "wit",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }

    let cargo = Cargo::new(workspace.clone(), target_dir)?;
    let small = |package, features: &[&str]| cargo.build(package, features, Stack::Small);
    let tools = small("oge-tools", &[])?;
    let store = small("oge-token-store", &[])?;
    let wassette = small("oge-tools", &["wassette"])?;
    let wassette_store = small("oge-token-store", &["exports", "wasi-config"])?;
    let hostile = small("oge-hostile", &[])?;
    let gateway = small("oge-gateway", &[])?;
    let fixtures = cargo.build("oge-mcp-fixtures", &[], Stack::Large)?;
    let mcp = cargo.build("oge-mcp", &[], Stack::Large)?;
    let composed = compose::plug(&tools, &store)?;

    let contract = Contract::read(&workspace.join("wit"))?;
    let finish = Finish::new(&workspace, &contract);
    let artifacts = [
        ("OGE_TOOLS", "oge-tools", finish.component(&tools, "oge-tools")?),
        ("OGE_TOKEN_STORE", "oge-token-store", finish.component(&store, "oge-token-store")?),
        ("OGE_STANDALONE", "oge-tools-standalone", finish.component(&composed, "oge-tools")?),
        (
            "OGE_WASSETTE",
            "oge-tools-wassette",
            finish.component(&compose::plug(&wassette, &wassette_store)?, "oge-tools-wassette")?,
        ),
        ("OGE_MCP", "oge-mcp", finish.component(&mcp, "oge-mcp")?),
        ("OGE_WIT", "oge-tools-wit", contract.to_wasm()?),
        ("OGE_HOSTILE", "oge-hostile", hostile),
        ("OGE_MCP_FIXTURES", "oge-mcp-fixtures", fixtures),
        ("OGE_GATEWAY", "oge-gateway", compose::plug(&gateway, &composed)?),
    ];
    for (variable, name, bytes) in artifacts {
        let path = out.join(name).with_extension("wasm");
        fs::write(&path, bytes)?;
        println!("cargo::rustc-env={variable}_WASM={}", path.display());
    }
    Ok(())
}
