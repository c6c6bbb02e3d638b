//! The inner cargo: one component a command, in a target directory of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::linked::Linked;
use crate::strip::strip;

const TARGET: &str = "wasm32-wasip2";

/// How deep a component's calls go. Its stack stands first in its memory, and every page of it is one
/// more to clear after a call.
#[derive(Clone, Copy)]
pub(crate) enum Stack {
    /// The deepest call of the tools takes a few KiB.
    Small = 64 * 1024,
    /// JSON is read into values up to 128 deep, under an async runtime.
    Large = 512 * 1024,
}

/// What a component's memory has room for from the start. A call whose answer is short fits in it, so that
/// its memory never grows; what it does not touch costs nothing.
const HEAP_BYTES: u32 = 192 * 1024;

/// What cargo and rustc would take over from the build around this one: a wrapper (clippy's), flags
/// of another target, or the directory that the outer build has locked.
const NOT_INHERITED: [&str; 9] = [
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

/// Builds components.
pub(crate) struct Cargo {
    workspace: PathBuf,
    target_dir: PathBuf,
    rust_flags: String,
}

/// A component, and what it was linked from.
pub(crate) struct Built {
    pub(crate) bytes: Vec<u8>,
    pub(crate) linked: Linked,
}

impl Cargo {
    pub(crate) fn new(workspace: PathBuf, target_dir: PathBuf) -> anyhow::Result<Self> {
        let rust_flags = rust_flags(&workspace)?;
        Ok(Self { workspace, target_dir, rust_flags })
    }

    /// The component that `package` is with `features`, or with its default ones where none are
    /// named.
    pub(crate) fn build(
        &self,
        package: &str,
        features: &[&str],
        stack: Stack,
    ) -> anyhow::Result<Built> {
        let mut selection = vec!["--locked", "--target", TARGET, "--package", package];
        let features = features.join(",");
        if !features.is_empty() {
            selection.extend(["--no-default-features", "--features", &features]);
        }
        let mut cargo = self.command("rustc", &selection)?;
        cargo.args(["--lib", "--crate-type", "cdylib", "--profile", "component"]);
        cargo.arg("--message-format=json-render-diagnostics");
        cargo.arg("--target-dir").arg(&self.target_dir);
        let link =
            format!("-Clink-args=-z stack-size={} --initial-heap={HEAP_BYTES}", stack as u32);
        cargo.args(["--", &link]);
        let messages = said(cargo).with_context(|| format!("building {package} failed"))?;
        let mut cargo = self.command("tree", &selection)?;
        // The graph alone: what macros and build scripts are made of is not linked.
        cargo.args(["--edges", "normal,no-proc-macro", "--no-dedupe"]);
        cargo.args(["--prefix", "depth", "--format", " {p}"]);
        let tree = String::from_utf8(said(cargo)?)?;

        let directory = self.target_dir.join(TARGET).join("component");
        let linked = Linked::read(&messages, &tree, &directory)?;
        // The next build of the package writes to the same name.
        let built = directory.join(package.replace('-', "_")).with_extension("wasm");
        Ok(Built { bytes: strip(&fs::read(built)?)?, linked })
    }

    /// What is known of every package that may be linked.
    pub(crate) fn metadata(&self) -> anyhow::Result<Vec<u8>> {
        let selection = ["--locked", "--format-version", "1", "--filter-platform", TARGET];
        said(self.command("metadata", &selection)?)
    }

    fn command(&self, name: &str, selection: &[&str]) -> anyhow::Result<Command> {
        let mut cargo = Command::new(env::var("CARGO")?);
        cargo.arg(name).args(selection).current_dir(&self.workspace);
        for variable in NOT_INHERITED {
            cargo.env_remove(variable);
        }
        cargo.env("CARGO_ENCODED_RUSTFLAGS", &self.rust_flags);
        Ok(cargo)
    }
}

/// What a command that must succeed says.
fn said(mut command: Command) -> anyhow::Result<Vec<u8>> {
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("target may not be installed") {
            bail!("the target {TARGET} is missing: rustup target add {TARGET}");
        }
        bail!("{said}");
    }
    Ok(output.stdout)
}

/// The same bytes wherever the checkout and cargo's home stand, and addresses as short
/// as they can be: plain numbers, not offsets to a base that a component's module never moves to, each
/// in as few bytes as it takes, where the linker otherwise leaves five.
fn rust_flags(workspace: &Path) -> anyhow::Result<String> {
    let cargo_home = env::var_os("CARGO_HOME").map_or_else(
        || env::home_dir().map(|home| home.join(".cargo")).context("no home directory"),
        |home| Ok(PathBuf::from(home)),
    )?;
    Ok([
        format!("--remap-path-prefix={}=/cargo", cargo_home.display()),
        format!("--remap-path-prefix={}=/oge", workspace.display()),
        "-Clink-args=--compress-relocations".to_owned(),
        "-Crelocation-model=static".to_owned(),
    ]
    .join("\u{1f}"))
}
