//! Builds the components, composes them, documents them, and hands out their paths.
//!
//! Each component is built by a cargo command of its own, so that features never unify.

#![expect(clippy::indexing_slicing, reason = "wit-parser's arenas are read by ids of their own")]

mod cargo;
mod compose;
mod contract;
mod finish;
mod linked;
mod sbom;
mod strip;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cargo::{Cargo, Stack};
use crate::contract::Contract;
use crate::finish::Finish;
use crate::sbom::Sbom;

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
    let hostile_config = small("oge-hostile", &["wasi-config"])?;
    let gateway = small("oge-gateway", &[])?;
    let fixtures = cargo.build("oge-mcp-fixtures", &[], Stack::Large)?;
    let mcp = cargo.build("oge-mcp", &[], Stack::Large)?;
    // The store also stands between the tools and the settings, some of which are credentials.
    let (token_store, settings) = ("oge:tools/token-store", "wasi:cli/environment");
    let config = "wasi:config/store";
    let composed = compose::plug(&tools.bytes, &store.bytes, &[token_store, settings])?;
    let composed_wassette =
        compose::plug(&wassette.bytes, &wassette_store.bytes, &[token_store, config])?;

    let contract = Contract::read(&workspace.join("wit"))?;
    let finish = Finish::new(&workspace, &contract);
    let sbom = Sbom::read(&workspace, &cargo)?;
    // For users: what each was linked from stands beside it.
    let standalone = tools.linked.clone().and(&store.linked);
    let wassette = wassette.linked.and(&wassette_store.linked);
    for (variable, name, world, bytes, linked) in [
        ("OGE_TOOLS", "oge-tools", "oge-tools", &tools.bytes, &tools.linked),
        ("OGE_TOKEN_STORE", "oge-token-store", "oge-token-store", &store.bytes, &store.linked),
        ("OGE_STANDALONE", "oge-tools-standalone", "oge-tools", &composed, &standalone),
        ("OGE_WASSETTE", "oge-tools-wassette", "oge-tools-wassette", &composed_wassette, &wassette),
        ("OGE_MCP", "oge-mcp", "oge-mcp", &mcp.bytes, &mcp.linked),
    ] {
        let bytes = finish.component(bytes, world)?;
        let document = sbom.document(&format!("{name}.wasm"), &bytes, linked)?;
        fs::write(out.join(name).with_extension("cdx.json"), document)?;
        hand_out(&out, variable, name, &bytes)?;
    }
    hand_out(&out, "OGE_WIT", "oge-tools-wit", &contract.to_wasm()?)?;
    // For tests.
    let hostile_standalone = compose::plug(&hostile.bytes, &store.bytes, &[token_store, settings])?;
    let credentials = [token_store, settings, config];
    let hostile_config = compose::plug(&hostile_config.bytes, &wassette_store.bytes, &credentials)?;
    let handled = ["oge:tools/types", "oge:tools/tools"];
    let gateway = compose::plug(&gateway.bytes, &composed, &handled)?;
    hand_out(&out, "OGE_HOSTILE", "oge-hostile", &hostile.bytes)?;
    hand_out(&out, "OGE_HOSTILE_STANDALONE", "oge-hostile-standalone", &hostile_standalone)?;
    hand_out(&out, "OGE_HOSTILE_CONFIG", "oge-hostile-config", &hostile_config)?;
    hand_out(&out, "OGE_MCP_FIXTURES", "oge-mcp-fixtures", &fixtures.bytes)?;
    hand_out(&out, "OGE_GATEWAY", "oge-gateway", &gateway)
}

fn hand_out(out: &Path, variable: &str, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = out.join(name).with_extension("wasm");
    fs::write(&path, bytes)?;
    println!("cargo::rustc-env={variable}_WASM={}", path.display());
    Ok(())
}
