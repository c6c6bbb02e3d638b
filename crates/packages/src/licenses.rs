//! The licences of the crates that a program links, and of the code beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::workshop::{Workshop, field};

/// The target of the components.
pub(crate) const SANDBOX: &str = "wasm32-wasip2";

/// A package of the workspace, and the target that it was built for.
pub(crate) struct Linked<'a> {
    pub(crate) package: &'a str,
    pub(crate) target: &'a str,
}

/// Writes those of `oge-mcp.wasm` and of the JavaScript beside it, and returns the file.
pub(crate) fn of_the_server(shop: &Workshop) -> anyhow::Result<PathBuf> {
    let shim = "@bytecodealliance/preview2-shim";
    let directory = shop.templates.join("node_modules").join(shim);
    let beside = [(format!("{shim} (npm package and MCPB bundle)"), directory)];
    let file = shop.out.join("THIRD-PARTY-LICENSES.txt");
    write(shop, &[Linked { package: "oge-mcp", target: SANDBOX }], &beside, &file)?;
    Ok(file)
}

/// Writes one file with all licences, each text once.
pub(crate) fn write(
    shop: &Workshop,
    linked: &[Linked],
    beside: &[(String, PathBuf)],
    file: &Path,
) -> anyhow::Result<()> {
    let mut packages: BTreeMap<_, _> = beside.iter().cloned().collect();
    for linked in linked {
        packages.extend(crates(shop, linked)?);
    }
    let mut names_by_text = BTreeMap::<String, Vec<&str>>::new();
    for (name, directory) in &packages {
        for text in texts(directory)? {
            names_by_text.entry(text).or_default().push(name);
        }
    }
    let mut all = String::from("Licences of the packages that are part of this one.\n");
    for (text, names) in names_by_text {
        write!(all, "\n==== {}\n\n{text}\n", names.join("\n==== "))?;
    }
    Ok(fs::write(file, all)?)
}

/// The crates from a registry that a package links, with their directories.
fn crates(shop: &Workshop, linked: &Linked) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut tree = shop.command("cargo");
    tree.args(["tree", "--locked", "--package", linked.package, "--target", linked.target]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    let lines = shop.run(tree.current_dir(&shop.workspace))?;
    let mut found = BTreeMap::new();
    for package in shop.crates(true)? {
        let name = format!("{} v{}", field(&package, "name"), field(&package, "version"));
        let is_linked = lines.lines().any(|line| line.trim_end_matches(" (*)") == name);
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
