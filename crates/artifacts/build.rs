//! Builds the components with a cargo of its own, in a target directory of its own.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

/// A component's stack, which stands first in its memory: the deepest call of the tools takes a few
/// KiB, and every page of it is one more to clear after a call.
const STACK_BYTES: u32 = 64 * 1024;

/// Package, file name that cargo gives it, and the variable that hands out its path.
const COMPONENTS: [(&str, &str, &str); 2] = [
    ("oge-tools", "oge_tools.wasm", "OGE_TOOLS_WASM"),
    ("oge-hostile", "oge_hostile.wasm", "OGE_HOSTILE_WASM"),
];

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

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let target_dir = out.ancestors().nth(4).ok_or("no target directory")?.join("components-build");

    let inputs = ["Cargo.toml", "Cargo.lock", "src", "wit", "crates/guest-rt", "tests/hostile"];
    for input in inputs {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    for (package, file, variable) in COMPONENTS {
        build(package, &workspace, &target_dir)?;
        let built = target_dir.join(TARGET).join("component").join(file);
        let kept = out.join(file);
        fs::copy(&built, &kept)?;
        println!("cargo::rustc-env={variable}={}", kept.display());
    }
    Ok(())
}

fn build(package: &str, workspace: &Path, target_dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo.args(["rustc", "--locked", "--lib", "--crate-type", "cdylib", "--profile", "component"]);
    cargo.args(["--target", TARGET, "--package", package]);
    cargo.arg("--target-dir").arg(target_dir).current_dir(workspace);
    for variable in NOT_INHERITED {
        cargo.env_remove(variable);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(workspace)?);
    let output = cargo.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("target may not be installed") {
            return Err(
                format!("the target {TARGET} is missing: rustup target add {TARGET}").into()
            );
        }
        return Err(format!("building {package} failed:\n{said}").into());
    }
    Ok(())
}

/// The same bytes wherever the checkout and cargo's home stand, a small stack, and addresses as short
/// as they can be: plain numbers, not offsets to a base that a component's module never moves to, each
/// in as few bytes as it takes, where the linker otherwise leaves five.
fn rust_flags(workspace: &Path) -> Result<String, Box<dyn Error>> {
    let cargo_home = env::var_os("CARGO_HOME").map_or_else(
        || env::home_dir().map(|home| home.join(".cargo")).ok_or("no home directory"),
        |home| Ok(PathBuf::from(home)),
    )?;
    Ok([
        format!("--remap-path-prefix={}=/cargo", cargo_home.display()),
        format!("--remap-path-prefix={}=/oge", workspace.display()),
        format!("-Clink-args=-z stack-size={STACK_BYTES} --compress-relocations"),
        "-Crelocation-model=static".to_owned(),
    ]
    .join("\u{1f}"))
}
