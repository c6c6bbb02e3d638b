//! The npm package: the component as jco's JavaScript, and its only dependency in the package itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files;
use crate::workshop::Workshop;

const SHIM: &str = "node_modules/@bytecodealliance/preview2-shim";

/// Writes the package, and returns the directory with its files.
pub(crate) fn build(shop: &Workshop, licenses: &Path) -> anyhow::Result<PathBuf> {
    let stage = shop.stage.join("npm");
    files::copy_all(&shop.templates.join("npm"), &stage, &|_| true)?;
    files::set_version(&stage.join("package.json"))?;
    files::copy(&shop.workspace.join("LICENSE"), &stage.join("LICENSE"))?;
    files::copy(licenses, &stage.join("THIRD-PARTY-LICENSES.txt"))?;
    files::copy_all(&shop.templates.join("shared"), &stage.join("shared"), &|_| true)?;
    let mut jco = shop.node_tool("jco");
    jco.arg("transpile").arg(oge_artifacts::mcp()).args(["--quiet", "--minify", "--no-typescript"]);
    jco.args(["--name", "oge-mcp", "--out-dir"]).arg(stage.join("component"));
    shop.run(&mut jco)?;
    fs::remove_dir_all(stage.join("component/interfaces"))?;
    bundle_shim(shop, &stage)?;
    let mut npm = shop.command("npm");
    npm.args(["pack", "--silent", "--pack-destination"]).arg(&shop.out).current_dir(&stage);
    shop.run(&mut npm)?;
    Ok(stage)
}

/// Puts the shim for Node.js into the package, without what serves browsers and compilers. Its dependency, a
/// native module for a function that the component does not import, is left out.
fn bundle_shim(shop: &Workshop, stage: &Path) -> anyhow::Result<()> {
    let from = shop.templates.join(SHIM);
    files::copy_all(&from, &stage.join(SHIM), &|path| {
        let name = path.strip_prefix(&from).unwrap_or(path);
        let is_code = name.starts_with("dist") && name.extension().is_some_and(|end| end == "js");
        let is_code = is_code && !name.starts_with("dist/browser");
        is_code || ["LICENSE", "package.json"].iter().any(|known| name == Path::new(known))
    })?;
    let mut npm = shop.command("npm");
    npm.args(["pkg", "delete", "dependencies", "devDependencies", "scripts"]);
    shop.run(npm.current_dir(stage.join(SHIM))).map(drop)
}
