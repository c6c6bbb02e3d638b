//! What the component is made of, as a CycloneDX document.

use std::fs;
use std::path::Path;

use crate::VERSION;
use crate::workshop::{Workshop, field};

/// cargo-cyclonedx writes a document beside the manifest of every package of the workspace.
const NAME: &str = "oge-packages-sbom";

/// Writes the document with cargo-cyclonedx. Prints a note if it is not installed.
pub(crate) fn write(shop: &Workshop) -> anyhow::Result<()> {
    let mut cargo = shop.command("cargo");
    if shop.run(cargo.args(["cyclonedx", "--version"])).is_err() {
        println!("NOT WRITTEN: the CycloneDX document; it needs cargo-cyclonedx");
        return Ok(());
    }
    let mut cargo = shop.command("cargo");
    cargo.args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]);
    cargo.args(["--target", "wasm32-wasip2", "--override-filename", NAME]);
    cargo.arg("--manifest-path").arg(shop.workspace.join("components/mcp/Cargo.toml"));
    let written = shop.run(&mut cargo);
    let document = shop.workspace.join(format!("components/mcp/{NAME}.json"));
    let text = fs::read_to_string(document);
    for package in shop.crates(false)? {
        let manifest = Path::new(field(&package, "manifest_path"));
        let _ = fs::remove_file(manifest.with_file_name(format!("{NAME}.json")));
    }
    written?;
    // Neither where it was built nor a random number.
    let text = text?.replace(&shop.workspace.display().to_string(), "/oge-tools");
    let lines = text.lines().filter(|line| !line.contains("\"serialNumber\": \"urn:uuid:"));
    let text = lines.map(|line| format!("{line}\n")).collect::<String>();
    fs::write(shop.out.join(format!("oge-mcp-{VERSION}.cdx.json")), text)?;
    Ok(())
}
