//! `cargo packages`: builds what users install, from the templates in `packages/`, to `target/packages/`.
//!
//! `--commands DIRECTORY` packs the command `oge` too, from `DIRECTORY/TARGET-TRIPLE/oge`. It is not built here,
//! because its release build takes longer than all packages.
//!
//! Needs Node.js with npm, Python with pip, and GNU tar. The first run downloads the build tools, each pinned
//! by a hash.

mod command;
mod files;
mod licenses;
mod mcpb;
mod npm;
mod oci;
mod offline;
mod sbom;
mod server_json;
mod wheel;
mod workshop;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use workshop::Workshop;

/// The version of all packages: the workspace's.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> anyhow::Result<()> {
    let commands = commands()?;
    let shop = Workshop::open()?;
    let licenses = licenses::of_the_server(&shop)?;
    components(&shop)?;
    wheel::build(&shop, &licenses)?;
    let npm = npm::build(&shop, &licenses)?;
    mcpb::build(&shop, &npm)?;
    server_json::write(&shop)?;
    oci::build(&shop)?;
    match commands {
        Some(built) => command::build(&shop, &built)?,
        None => println!("NOT WRITTEN: the command oge; --commands names where it was built"),
    }
    sbom::write(&shop)?;
    offline::build(&shop)?;
    files::write_sums(&shop.out)?;
    for path in files::all(&shop.out)? {
        let name = path.strip_prefix(&shop.workspace)?;
        println!("{:>9} bytes  {}", path.metadata()?.len(), name.display());
    }
    Ok(())
}

/// The directory of the option `--commands`.
fn commands() -> anyhow::Result<Option<PathBuf>> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(option) = arguments.next() else { return Ok(None) };
    let directory = arguments.next().map(PathBuf::from);
    if option != "--commands" || arguments.next().is_some() {
        bail!("usage: cargo packages [--commands DIRECTORY]");
    }
    directory.context("--commands needs a directory").map(Some)
}

/// The components and the WIT as files.
fn components(shop: &Workshop) -> anyhow::Result<()> {
    for (name, built) in oge_artifacts::all() {
        files::copy(built, &shop.out.join(name))?;
    }
    files::copy(&shop.workspace.join("LICENSE"), &shop.out.join("LICENSE"))
}
