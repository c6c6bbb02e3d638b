//! Builds, composes and documents the components, and passes their paths to the crate.

#![expect(clippy::indexing_slicing, reason = "wit-parser's arenas are indexed by their own ids")]

mod compose;
mod contract;
mod finish;
mod strip;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use oge_wasm_build::{Stack, WasmBuild};

use crate::contract::Contract;
use crate::finish::Finish;
use crate::strip::strip;

fn main() -> anyhow::Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let build =
        WasmBuild::new(&["components", "crates", "src", "tests/gateway", "tests/hostile", "wit"])?;
    let component = |package, features: &[&str], stack| {
        build.component(package, features, stack).and_then(|bytes| strip(&bytes))
    };
    let small = |package, features: &[&str]| component(package, features, Stack::Small);
    let tools = small("oge-tools", &[])?;
    let store = small("oge-token-store", &[])?;
    let wassette = small("oge-tools", &["wassette"])?;
    let wassette_store = small("oge-token-store", &["exports", "wasi-config"])?;
    let hostile = small("oge-hostile", &[])?;
    let hostile_config = small("oge-hostile", &["wasi-config"])?;
    let gateway = small("oge-gateway", &[])?;
    let mcp = component("oge-mcp", &[], Stack::Large)?;
    // The store also filters the settings for the tools, because some of them are credentials.
    let (token_store, settings) = ("oge:tools/token-store", "wasi:cli/environment");
    let config = "wasi:config/store";
    let standalone = compose::plug(&tools, &store, &[token_store, settings])?;
    let wassette = compose::plug(&wassette, &wassette_store, &[token_store, config])?;

    let contract = Contract::read(&build.workspace().join("wit"))?;
    let finish = Finish::new(build.workspace(), &contract);
    for (variable, name, world, bytes) in [
        ("OGE_TOOLS", "oge-tools", "oge-tools", &tools),
        ("OGE_TOKEN_STORE", "oge-token-store", "oge-token-store", &store),
        ("OGE_STANDALONE", "oge-tools-standalone", "oge-tools", &standalone),
        ("OGE_WASSETTE", "oge-tools-wassette", "oge-tools-wassette", &wassette),
        ("OGE_MCP", "oge-mcp", "oge-mcp", &mcp),
    ] {
        write_component(&out, variable, name, &finish.component(bytes, world)?)?;
    }
    write_component(&out, "OGE_WIT", "oge-tools-wit", &contract.to_wasm()?)?;
    // For tests.
    let hostile_standalone = compose::plug(&hostile, &store, &[token_store, settings])?;
    let credentials = [token_store, settings, config];
    let hostile_config = compose::plug(&hostile_config, &wassette_store, &credentials)?;
    let handled = ["oge:tools/types", "oge:tools/tools"];
    let gateway = compose::plug(&gateway, &standalone, &handled)?;
    write_component(&out, "OGE_HOSTILE", "oge-hostile", &hostile)?;
    write_component(&out, "OGE_HOSTILE_STANDALONE", "oge-hostile-standalone", &hostile_standalone)?;
    write_component(&out, "OGE_HOSTILE_CONFIG", "oge-hostile-config", &hostile_config)?;
    write_component(&out, "OGE_GATEWAY", "oge-gateway", &gateway)
}

fn write_component(out: &Path, variable: &str, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = out.join(name).with_extension("wasm");
    fs::write(&path, bytes)?;
    println!("cargo::rustc-env={variable}_WASM={}", path.display());
    Ok(())
}
