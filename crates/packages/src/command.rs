//! The command `oge` as an archive for each system that it was built for.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::licenses::Linked;
use crate::workshop::{Compression, Workshop};
use crate::{VERSION, files, licenses};

/// Packs the command of each directory `TARGET-TRIPLE` in `built`.
pub(crate) fn build(shop: &Workshop, built: &Path) -> anyhow::Result<()> {
    let entries = fs::read_dir(built)
        .with_context(|| format!("--commands {} cannot be read", built.display()))?;
    let mut triples = Vec::new();
    for entry in entries {
        triples.push(entry?.file_name().to_string_lossy().into_owned());
    }
    ensure!(!triples.is_empty(), "--commands {} has no TARGET-TRIPLE/oge", built.display());
    triples.sort();
    triples.iter().try_for_each(|triple| archive(shop, &built.join(triple), triple))
}

fn archive(shop: &Workshop, directory: &Path, triple: &str) -> anyhow::Result<()> {
    let name = format!("oge-{VERSION}-{triple}");
    let stage = shop.stage.join("command").join(&name);
    let program = if triple.contains("windows") { "oge.exe" } else { "oge" };
    files::copy(&directory.join(program), &stage.join(program))?;
    // A file that went through CI has lost its mode.
    files::make_executable(&stage.join(program))?;
    files::copy(&shop.workspace.join("LICENSE"), &stage.join("LICENSE"))?;
    files::copy(&shop.workspace.join("examples/site.env"), &stage.join("site.env"))?;
    let linked = [
        Linked { package: "oge-cli", target: triple },
        Linked { package: "oge-tools", target: licenses::SANDBOX },
    ];
    licenses::write(shop, &linked, &[], &stage.join("THIRD-PARTY-LICENSES.txt"))?;
    shop.tar(&format!("{name}.tar.gz"), &shop.stage.join("command"), &[&name], Compression::Best)
}
