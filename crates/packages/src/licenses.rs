//! The licences of the crates in `oge-mcp.wasm` and of the code beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::workshop::{Workshop, field};

/// Writes one file with all of them, each text once, and returns its path.
pub(crate) fn write(shop: &Workshop) -> anyhow::Result<PathBuf> {
    let mut packages = crates(shop)?;
    let shim = "@bytecodealliance/preview2-shim (npm package and MCPB bundle)";
    let directory = shop.templates.join("node_modules/@bytecodealliance/preview2-shim");
    packages.insert(shim.to_owned(), directory);
    let mut names_by_text = BTreeMap::<String, Vec<&str>>::new();
    for (name, directory) in &packages {
        for text in texts(directory)? {
            names_by_text.entry(text).or_default().push(name);
        }
    }
    let mut all = String::from("Licences of the packages that are part of oge-mcp.\n");
    for (text, names) in names_by_text {
        write!(all, "\n==== {}\n\n{text}\n", names.join("\n==== "))?;
    }
    let file = shop.out.join("THIRD-PARTY-LICENSES.txt");
    fs::write(&file, all)?;
    Ok(file)
}

/// The crates from a registry that the component links, with their directories.
fn crates(shop: &Workshop) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut tree = shop.command("cargo");
    tree.args(["tree", "--locked", "--package", "oge-mcp", "--target", "wasm32-wasip2"]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    let linked = shop.run(tree.current_dir(&shop.workspace))?;
    let mut found = BTreeMap::new();
    for package in shop.crates(true)? {
        let name = format!("{} v{}", field(&package, "name"), field(&package, "version"));
        let is_linked = linked.lines().any(|line| line.trim_end_matches(" (*)") == name);
        if is_linked && !field(&package, "source").is_empty() {
            let manifest = Path::new(field(&package, "manifest_path"));
            let directory = manifest.parent().context("no directory")?;
            let license = field(&package, "license");
            found.insert(format!("{name}, {license}"), directory.to_owned());
        }
    }
    Ok(found)
}

/// The texts of a package's licence files.
fn texts(directory: &Path) -> anyhow::Result<Vec<String>> {
    const STARTS: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE"];
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && STARTS.iter().any(|start| name.starts_with(start)) {
            found.push(fs::read_to_string(&path)?.replace('\r', "").trim().to_owned());
        }
    }
    Ok(found)
}
