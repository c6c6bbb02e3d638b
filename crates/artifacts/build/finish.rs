//! Adds docs and metadata to a component, in the sections that wasm tools read.

use std::borrow::Cow;
use std::path::Path;
use std::process::Command;

use wasm_encoder::{CustomSection, Encode as _, Section as _};
use wasm_metadata::{AddMetadata, AddMetadataField, Description, Licenses, Revision, Version};
use wit_parser::PackageMetadata;

use crate::contract::Contract;

pub(crate) struct Finish<'a> {
    contract: &'a Contract,
    revision: Option<String>,
}

impl<'a> Finish<'a> {
    pub(crate) fn new(workspace: &Path, contract: &'a Contract) -> Self {
        Self { contract, revision: revision(workspace) }
    }

    /// Adds docs, name, version, licence and source revision to a component.
    pub(crate) fn component(&self, bytes: &[u8], world: &str) -> anyhow::Result<Vec<u8>> {
        let docs = self.contract.docs(bytes, world)?;
        let mut metadata = AddMetadata::default();
        metadata.name = AddMetadataField::Set(world.to_owned());
        metadata.language = vec![("Rust".to_owned(), String::new())];
        metadata.description = AddMetadataField::Set(Description::new(DESCRIPTION));
        metadata.licenses = AddMetadataField::Set(Licenses::new(env!("CARGO_PKG_LICENSE"))?);
        metadata.version = AddMetadataField::Set(Version::new(env!("CARGO_PKG_VERSION")));
        if let Some(revision) = &self.revision {
            metadata.revision = AddMetadataField::Set(Revision::new(revision.clone()));
        }
        let mut finished = metadata.to_wasm(bytes)?;
        let name = Cow::Borrowed(PackageMetadata::SECTION_NAME);
        let section = CustomSection { name, data: Cow::Owned(docs) };
        finished.push(section.id());
        section.encode(&mut finished);
        Ok(finished)
    }
}

const DESCRIPTION: &str =
    "The tools of OGE. Expired tokens are refreshed and the request is retried once.";

/// Returns the commit that is built. `None` outside a git checkout.
fn revision(workspace: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(workspace).args(arguments).output().ok()?;
        let printed = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| printed.trim().to_owned())
    };
    // The log of HEAD changes with each commit.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={}", workspace.join(log).display());
    git(&["rev-parse", "HEAD"])
}
