//! What each component is made of, as a CycloneDX document beside it: for whoever asks whether an
//! advisory concerns them.
//!
//! It says nothing of when or where it was made, so that the same sources give the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::cargo::Cargo;
use crate::linked::{Crate, Linked};

/// What the toolchain links into every component. It is no package of the registry.
const STANDARD: &str = "rust-std";

/// Writes the documents.
pub(crate) struct Sbom {
    /// What `cargo metadata` says of each package, by its identifier.
    packages: BTreeMap<String, Value>,
    checksums: BTreeMap<Crate, String>,
    rust: String,
}

impl Sbom {
    pub(crate) fn read(workspace: &Path, cargo: &Cargo) -> anyhow::Result<Self> {
        let metadata: Value = serde_json::from_slice(&cargo.metadata()?)?;
        let packages = metadata["packages"].as_array().context("no packages")?.iter();
        let lock: toml::Table = fs::read_to_string(workspace.join("Cargo.lock"))?.parse()?;
        let locked = lock.get("package").and_then(|packages| packages.as_array());
        let checksums = locked.context("an empty lock file")?.iter().filter_map(|package| {
            let text = |field: &str| Some(package.get(field)?.as_str()?.to_owned());
            Some(((text("name")?, text("version")?), text("checksum")?))
        });
        Ok(Self {
            packages: packages
                .map(|package| Ok((text(package, "id")?.to_owned(), package.clone())))
                .collect::<anyhow::Result<_>>()?,
            checksums: checksums.collect(),
            rust: rust_version()?,
        })
    }

    /// The document on `artifact`, the bytes of the file called `name`.
    pub(crate) fn document(
        &self,
        name: &str,
        artifact: &[u8],
        linked: &Linked,
    ) -> anyhow::Result<Vec<u8>> {
        let components = linked.crates.iter().map(|id| {
            let package = self.packages.get(id).with_context(|| format!("no package {id}"))?;
            self.component(package)
        });
        let mut components = components.collect::<anyhow::Result<Vec<_>>>()?;
        components.push(self.standard());
        // Identifiers hold the folder of the checkout.
        components.sort_by_key(|component| component["bom-ref"].to_string());
        let reference = |(name, version): &Crate| purl(name, version);
        let standard = || format!("{STANDARD}@{}", self.rust);
        let mut dependencies = vec![
            json!({"ref": name, "dependsOn": linked.roots.iter().map(reference).collect::<Vec<_>>()}),
            json!({"ref": standard()}),
        ];
        for (user, used) in &linked.uses {
            let mut used: Vec<_> = used.iter().map(reference).collect();
            used.push(standard());
            dependencies.push(json!({"ref": reference(user), "dependsOn": used}));
        }
        let document = json!({
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "lifecycles": [{"phase": "build"}],
                "tools": {"components": [
                    {"type": "application", "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")},
                ]},
                "component": {
                    "type": "application",
                    "bom-ref": name,
                    "name": name,
                    "version": env!("CARGO_PKG_VERSION"),
                    "licenses": [{"license": {"id": env!("CARGO_PKG_LICENSE")}}],
                    "hashes": [{"alg": "SHA-256", "content": hex(&Sha256::digest(artifact))}],
                },
            },
            "components": components,
            "dependencies": dependencies,
            // Which crates, is known to the last one; whose code survives the linker, is not.
            "compositions": [{"aggregate": "complete", "assemblies": [name], "dependencies": [name]}],
        });
        Ok(serde_json::to_vec_pretty(&document)?)
    }

    fn component(&self, package: &Value) -> anyhow::Result<Value> {
        let (name, version) = (text(package, "name")?, text(package, "version")?);
        let reference = purl(name, version);
        // The spelling of before SPDX had one.
        let licence = text(package, "license")?.replace('/', " OR ");
        let mut component = json!({
            "type": "library",
            "bom-ref": reference,
            "name": name,
            "version": version,
            "scope": "required",
            "licenses": [{"expression": licence}],
            "purl": reference,
        });
        // Of those from the registry, which are all but our own.
        if !package["source"].is_null() {
            let checksum = self.checksums.get(&(name.to_owned(), version.to_owned()));
            let checksum = checksum.with_context(|| format!("{name} has no checksum"))?;
            component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        if let Some(repository) = package["repository"].as_str() {
            component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
        }
        Ok(component)
    }

    fn standard(&self) -> Value {
        json!({
            "type": "library",
            "bom-ref": format!("{STANDARD}@{}", self.rust),
            "name": STANDARD,
            "version": self.rust,
            "description": "core, alloc, and std where it is used, with the compiler's builtins and \
                            the C library that the toolchain brings for wasm32-wasip2",
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        })
    }
}

fn text<'a>(package: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    package[field].as_str().with_context(|| format!("{} has no {field}", package["id"]))
}

fn purl(name: &str, version: &str) -> String {
    // The only mark in a version that a package URL escapes.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `1.95.0`, of the compiler that builds this, which is the one that builds the components.
fn rust_version() -> anyhow::Result<String> {
    let output = Command::new(std::env::var("RUSTC")?).arg("--version").output()?;
    ensure!(output.status.success(), "rustc does not tell its version");
    let said = String::from_utf8(output.stdout)?;
    Ok(said.split_whitespace().nth(1).context("rustc tells no version")?.to_owned())
}
