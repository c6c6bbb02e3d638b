//! The tools component that the command runs.

use std::borrow::Cow;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use oge_host::{Host, HostBuilder};

use crate::COMMON;

/// Embedded, so that the command is a single file to install.
const EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/oge-tools.wasm"));

/// The option that selects the component.
#[derive(Debug, Args)]
pub(crate) struct ComponentFile {
    /// A component to run in place of the one that is part of this command
    #[arg(long, value_name = "FILE", global = true, help_heading = COMMON)]
    component: Option<PathBuf>,
}

impl ComponentFile {
    /// Returns a builder of a host with the component.
    pub(crate) fn host(&self) -> anyhow::Result<HostBuilder> {
        self.hosts().map(|host| host())
    }

    /// Returns a function that returns such builders.
    pub(crate) fn hosts(&self) -> anyhow::Result<impl Fn() -> HostBuilder + Send + use<>> {
        let bytes = match &self.component {
            None => Cow::Borrowed(EMBEDDED),
            Some(path) => {
                let read = std::fs::read(path);
                read.with_context(|| format!("--component {}", path.display()))?.into()
            }
        };
        Ok(move || Host::builder(bytes.clone()))
    }
}

/// Returns a builder of a host with the embedded component.
pub(crate) fn embedded() -> HostBuilder {
    Host::builder(EMBEDDED)
}
