//! Which crates a component is linked from: what the inner cargo says that it put together, not what a
//! lock file would allow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Deserializer, Value};

/// A crate by name and version, which in one component are never two.
pub(crate) type Crate = (String, String);

/// The crates of one component.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linked {
    /// Those that the component was built for.
    pub(crate) roots: BTreeSet<Crate>,
    /// All of them, as the inner cargo names them.
    pub(crate) crates: BTreeSet<String>,
    /// Whose code each one calls.
    pub(crate) uses: BTreeMap<Crate, BTreeSet<Crate>>,
}

impl Linked {
    /// Reads cargo's messages on a build, and its tree of the same build. What was compiled for the
    /// machine that builds (macros, build scripts) stands elsewhere than in `target`, and is left out.
    pub(crate) fn read(messages: &[u8], tree: &str, target: &Path) -> anyhow::Result<Self> {
        let mut crates = BTreeSet::new();
        for message in Deserializer::from_slice(messages).into_iter::<Value>() {
            let message = message?;
            let files = message["filenames"].as_array().into_iter().flatten();
            if message["reason"] == "compiler-artifact"
                && files.filter_map(Value::as_str).any(|file| Path::new(file).starts_with(target))
            {
                let id = message["package_id"].as_str().context("an artifact of no package")?;
                crates.insert(id.to_owned());
            }
        }
        let uses = uses(tree)?;
        let used: BTreeSet<_> = uses.values().flatten().collect();
        let roots = uses.keys().filter(|name| !used.contains(name)).cloned().collect();
        Ok(Self { roots, crates, uses })
    }

    /// What a component is linked from that the two are composed into.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.roots.extend(other.roots.iter().cloned());
        self.crates.extend(other.crates.iter().cloned());
        for (name, uses) in &other.uses {
            self.uses.entry(name.clone()).or_default().extend(uses.iter().cloned());
        }
        self
    }
}

/// Reads `cargo tree --prefix depth --format ' {p}'`: lines such as `2 serde v1.0.0 (…)`.
fn uses(tree: &str) -> anyhow::Result<BTreeMap<Crate, BTreeSet<Crate>>> {
    let mut uses: BTreeMap<Crate, BTreeSet<Crate>> = BTreeMap::new();
    let mut path: Vec<Crate> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let depth = words.next().and_then(|depth| depth.parse().ok());
        let name = words.next().zip(words.next().and_then(|version| version.strip_prefix('v')));
        let (depth, (name, version)) =
            depth.zip(name).with_context(|| format!("cargo tree says {line}"))?;
        let this = (name.to_owned(), version.to_owned());
        path.truncate(depth);
        if let Some(parent) = path.last() {
            uses.entry(parent.clone()).or_default().insert(this.clone());
        }
        uses.entry(this.clone()).or_default();
        path.push(this);
    }
    Ok(uses)
}
