//! The inner cargo: one component a command, in a target directory of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

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
    ) -> anyhow::Result<Vec<u8>> {
        let mut cargo = Command::new(env::var("CARGO")?);
        cargo.args(["rustc", "--locked", "--lib", "--crate-type", "cdylib"]);
        cargo.args(["--profile", "component", "--target", TARGET, "--package", package]);
        if !features.is_empty() {
            cargo.args(["--no-default-features", "--features", &features.join(",")]);
        }
        cargo.arg("--target-dir").arg(&self.target_dir).current_dir(&self.workspace);
        let link = format!("-Clink-args=-z stack-size={} --initial-heap={HEAP_BYTES}", stack as u32);
        cargo.args(["--", &link]);
        for variable in NOT_INHERITED {
            cargo.env_remove(variable);
        }
        cargo.env("CARGO_ENCODED_RUSTFLAGS", &self.rust_flags);
        let output = cargo.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            if said.contains("target may not be installed") {
                bail!("the target {TARGET} is missing: rustup target add {TARGET}");
            }
            bail!("building {package} failed:\n{said}");
        }
        // The next build of the package writes to the same name.
        let file = package.replace('-', "_");
        let built = self.target_dir.join(TARGET).join("component").join(file);
        strip(&fs::read(built.with_extension("wasm"))?)
    }
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
