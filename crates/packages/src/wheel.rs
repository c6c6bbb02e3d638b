//! The Python wheel, built by flit.

use std::path::Path;

use crate::files;
use crate::workshop::Workshop;

pub(crate) fn build(shop: &Workshop, licenses: &Path) -> anyhow::Result<()> {
    let stage = shop.stage.join("python");
    files::copy_all(&shop.templates.join("python"), &stage, &|path| {
        path.extension().is_none_or(|extension| extension != "pyc")
    })?;
    files::set_version(&stage.join("pyproject.toml"))?;
    files::copy(&shop.workspace.join("LICENSE"), &stage.join("LICENSE"))?;
    files::copy(licenses, &stage.join("THIRD-PARTY-LICENSES.txt"))?;
    let module = stage.join("src/oge_mcp");
    files::copy_all(&shop.templates.join("shared"), &module, &|_| true)?;
    files::copy(oge_artifacts::mcp(), &module.join("oge-mcp.wasm"))?;
    // Not `pip wheel`, which would ask the index for flit.
    let mut flit = shop.command(shop.python());
    flit.args(["-m", "flit_core.wheel", "--outdir"]).arg(&shop.out).arg(&stage);
    shop.run(&mut flit).map(drop)
}
