//! `cargo components`: copies the components to `target/components/`. Prints the size of each and its
//! difference from `sizes.toml`. With `--check`, growth over 2 % is an error.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

/// How much larger than in `sizes.toml` a component may be.
const TOLERATED_PERCENT: f64 = 2.0;

fn main() -> anyhow::Result<()> {
    let is_check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("{other} is unknown; cargo components [--check]"),
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let folder = workspace.join("target/components");
    fs::create_dir_all(&folder)?;
    let known = fs::read_to_string(workspace.join("sizes.toml")).context("no sizes.toml")?;
    let known: BTreeMap<String, u32> = toml::from_str(&known).context("sizes.toml")?;
    let mut grown = Vec::new();
    for (name, built) in oge_artifacts::all() {
        let to = folder.join(name);
        let bytes =
            fs::copy(built, &to).with_context(|| format!("cannot write {}", to.display()))?;
        let bytes = u32::try_from(bytes).with_context(|| format!("{name} is huge"))?;
        let Some(before) = known.get(name) else {
            println!("{bytes:>9} bytes  target/components/{name}  not in sizes.toml");
            grown.push(name);
            continue;
        };
        let delta = i64::from(bytes) - i64::from(*before);
        println!("{bytes:>9} bytes  {delta:>+7}  target/components/{name}");
        if f64::from(bytes) > f64::from(*before) * (1.0 + TOLERATED_PERCENT / 100.0) {
            grown.push(name);
        }
    }
    if is_check && !grown.is_empty() {
        bail!(
            "more than {TOLERATED_PERCENT} % larger than sizes.toml says: {}; make it smaller, or \
             write the new size down and say why in the commit",
            grown.join(", ")
        );
    }
    Ok(())
}
