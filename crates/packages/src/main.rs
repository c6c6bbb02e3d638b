//! `cargo packages`: builds what users install, from the templates in `packages/`, to `target/packages/`.
//!
//! Needs Node.js with npm, Python with pip, and GNU tar. The first run downloads the build tools, each pinned
//! by a hash.

mod files;
mod licenses;
mod mcpb;
mod npm;
mod offline;
mod sbom;
mod wheel;
mod workshop;

use workshop::Workshop;

/// The version of all packages: the workspace's.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> anyhow::Result<()> {
    let shop = Workshop::open()?;
    let licenses = licenses::write(&shop)?;
    components(&shop)?;
    wheel::build(&shop, &licenses)?;
    let npm = npm::build(&shop, &licenses)?;
    mcpb::build(&shop, &npm)?;
    sbom::write(&shop)?;
    offline::build(&shop)?;
    files::write_sums(&shop.out)?;
    for path in files::all(&shop.out)? {
        let name = path.strip_prefix(&shop.workspace)?;
        println!("{:>9} bytes  {}", path.metadata()?.len(), name.display());
    }
    Ok(())
}

/// The components and the WIT as files.
fn components(shop: &Workshop) -> anyhow::Result<()> {
    for (name, built) in oge_artifacts::all() {
        files::copy(built, &shop.out.join(name))?;
    }
    files::copy(&shop.workspace.join("LICENSE"), &shop.out.join("LICENSE"))
}
