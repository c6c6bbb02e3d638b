//! The WIT of `wit/` and of built components.

use std::path::Path;

use anyhow::{Context as _, bail};
use wit_parser::decoding::{self, DecodedWasm};
use wit_parser::{PackageId, PackageMetadata, Resolve, WorldId, WorldItem};

/// The parsed WIT of `wit/`.
pub(crate) struct Contract {
    resolve: Resolve,
    package: PackageId,
}

impl Contract {
    pub(crate) fn read(directory: &Path) -> anyhow::Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(directory)?;
        Ok(Self { resolve, package })
    }

    /// Encodes the whole contract as a WIT package in one file.
    pub(crate) fn to_wasm(&self) -> anyhow::Result<Vec<u8>> {
        wit_component::encode(&self.resolve, self.package)
    }

    /// Returns the `package-docs` section, which hosts read, for a component of `world`: the docs of the world
    /// and of the functions that it exports at its root. The section cannot document an interface's functions.
    pub(crate) fn docs(&self, component: &[u8], world: &str) -> anyhow::Result<Vec<u8>> {
        let ours = self.resolve.packages[self.package].worlds.get(world);
        let ours = &self.resolve.worlds[*ours.with_context(|| format!("no world {world}"))?];
        let (mut resolve, theirs) = decode(component)?;
        let package = resolve.worlds[theirs].package.context("a world without a package")?;
        let theirs = &mut resolve.worlds[theirs];
        theirs.docs = ours.docs.clone();
        for (key, item) in &mut theirs.exports {
            if let (WorldItem::Function(function), Some(WorldItem::Function(documented))) =
                (item, ours.exports.get(key))
            {
                function.docs = documented.docs.clone();
            }
        }
        PackageMetadata::extract(&resolve, package).encode()
    }
}

/// Reads the world of a component, with its imports and exports.
pub(crate) fn decode(component: &[u8]) -> anyhow::Result<(Resolve, WorldId)> {
    match decoding::decode(component)? {
        DecodedWasm::Component(resolve, world) => Ok((resolve, world)),
        DecodedWasm::WitPackage(..) => bail!("a WIT package is no component"),
    }
}
