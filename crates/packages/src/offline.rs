//! One archive for machines without a network: all packages, and what the wheel depends on.

use crate::workshop::{Compression, Workshop};
use crate::{VERSION, files};

/// The systems that the archive has wasmtime for, as pip names them.
const PLATFORMS: [&str; 6] = [
    "macosx_10_13_x86_64",
    "macosx_11_0_arm64",
    "manylinux2014_aarch64",
    "manylinux2014_x86_64",
    "win_amd64",
    "win_arm64",
];

pub(crate) fn build(shop: &Workshop) -> anyhow::Result<()> {
    let name = format!("oge-mcp-offline-{VERSION}");
    let stage = shop.stage.join(&name);
    files::copy_all(&shop.out, &stage, &|_| true)?;
    let wheels = shop.cache.join("wheels");
    for platform in PLATFORMS {
        // The one pin of wasmtime's wheels, by hash.
        shop.pip("download")
            .args(["--require-hashes", "--no-deps", "--only-binary=:all:"])
            .args(["--python-version", "3.10", "--platform", platform, "-r"])
            .arg(shop.workspace.join("examples/python/requirements.txt"))
            .arg("--dest")
            .arg(&wheels)
            .run(shop)?;
    }
    files::copy_all(&wheels, &stage.join("wheels"), &|_| true)?;
    files::copy(&shop.templates.join("OFFLINE.md"), &stage.join("README.md"))?;
    files::write_sums(&stage)?;
    // Most of it is compressed already.
    shop.tar(&format!("{name}.tar.gz"), &shop.stage, &[&name], Compression::Fast)
}
