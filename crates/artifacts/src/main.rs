//! `cargo components`: copies the components to `target/components/` and says how large each is.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let folder = workspace.join("target/components");
    fs::create_dir_all(&folder)?;
    for (name, built) in oge_artifacts::all() {
        let to = folder.join(name);
        let bytes =
            fs::copy(built, &to).with_context(|| format!("cannot write {}", to.display()))?;
        println!("{bytes:>9} bytes  target/components/{name}");
    }
    Ok(())
}
