//! Builds one package of this workspace as a WebAssembly component, from the build script of another.
//!
//! Each component is built by its own cargo command, so that features of packages never unify. The target
//! directory is not that of the outer build, which has locked its own.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

const TARGET: &str = "wasm32-wasip2";

/// The size of a component's stack. The stack is at the start of the memory, and hosts clear each of its
/// pages after a call.
#[derive(Clone, Copy)]
pub enum Stack {
    /// The deepest call of the tools takes a few KiB.
    Small = 64 * 1024,
    /// JSON is read into values up to 128 deep, under an async runtime.
    Large = 512 * 1024,
}

/// The initial heap of a component. A call with a short response fits in it, so its memory never grows.
/// Memory that is not touched costs nothing.
const HEAP_BYTES: u32 = 192 * 1024;

/// Variables that the inner build must not inherit from the outer one: a wrapper such as clippy's, flags of
/// another target, or the target directory that the outer build has locked.
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

/// Builds components of this workspace, from the build script of another package.
pub struct WasmBuild {
    workspace: PathBuf,
    target_dir: PathBuf,
    rust_flags: String,
}

impl WasmBuild {
    /// Returns the builder. Makes cargo run the build script again when one of `inputs` changes, which are
    /// files and folders of the workspace.
    ///
    /// # Errors
    /// Fails outside a build script.
    pub fn new(inputs: &[&str]) -> anyhow::Result<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        for input in ["Cargo.toml", "Cargo.lock"].iter().chain(inputs) {
            println!("cargo::rerun-if-changed={}", workspace.join(input).display());
        }
        // OUT_DIR is <target>/<profile>/build/<package>/out.
        let out = PathBuf::from(env::var("OUT_DIR")?);
        let target = out.ancestors().nth(4).context("no target directory")?;
        let rust_flags = rust_flags(&workspace)?;
        Ok(Self { target_dir: target.join("components-build"), workspace, rust_flags })
    }

    /// Returns the root of the workspace.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Builds `package` with `features`, or with its default features if none are named.
    ///
    /// # Errors
    /// Fails with cargo's output if cargo fails.
    pub fn component(
        &self,
        package: &str,
        features: &[&str],
        stack: Stack,
    ) -> anyhow::Result<Vec<u8>> {
        // Another build script may build the same package with other features into the same file.
        fs::create_dir_all(&self.target_dir)?;
        let lock = File::create(self.target_dir.join("build-script.lock"))?;
        lock.lock()?;
        let mut selection = vec!["--locked", "--target", TARGET, "--package", package];
        let features = features.join(",");
        if !features.is_empty() {
            selection.extend(["--no-default-features", "--features", &features]);
        }
        let mut cargo = self.command("rustc", &selection)?;
        cargo.args(["--lib", "--crate-type", "cdylib", "--profile", "component"]);
        cargo.arg("--target-dir").arg(&self.target_dir);
        let link =
            format!("-Clink-args=-z stack-size={} --initial-heap={HEAP_BYTES}", stack as u32);
        cargo.args(["--", &link]);
        run(cargo).with_context(|| format!("building {package} failed"))?;
        let built = self.target_dir.join(TARGET).join("component").join(package.replace('-', "_"));
        Ok(fs::read(built.with_extension("wasm"))?)
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

/// Runs a command. Fails with its output if it does not succeed.
fn run(mut command: Command) -> anyhow::Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        if errors.contains("target may not be installed") {
            bail!("the target {TARGET} is missing: rustup target add {TARGET}");
        }
        bail!("{errors}");
    }
    Ok(())
}

/// Returns rustc's flags for small and reproducible components. The paths of the checkout and of cargo's home
/// are remapped. Addresses are absolute, because a module is never relocated, and encoded in as few bytes as
/// possible, because the linker pads each to five by default.
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
