//! Each package, installed as a user would and driven by the official Python SDK: `tests/packages/run.py`.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

/// Runs all rules on one package.
fn drive(package: &str) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packaged = std::fs::read(root.join("target/packages/oge-mcp.wasm"))?;
    let is_current = packaged == std::fs::read(oge_artifacts::mcp())?;
    ensure!(is_current, "the component has changed: run cargo packages again");
    let mut python = Command::new(root.join("target/clients/bin/python"));
    let status = python.arg(root.join("tests/packages/run.py")).arg(package).status()?;
    ensure!(status.success(), "run.py {package} failed: {status}");
    Ok(())
}

macro_rules! packages {
    ($($test:ident: $package:literal;)*) => {
        $(
            #[test]
            #[cfg_attr(
                not(has_packages),
                ignore = "needs cargo packages and its clients: packages/README.md"
            )]
            fn $test() -> anyhow::Result<()> {
                drive($package)
            }
        )*
    };
}

packages! {
    the_wheel: "wheel";
    the_npm_package: "npm";
    the_bundle: "mcpb";
    the_wheel_of_the_offline_archive: "offline-wheel";
    the_npm_package_of_the_offline_archive: "offline-npm";
}
