//! Says which programs are installed, so that a test that needs one is reported as ignored without it. In CI no
//! test is ignored: one whose program is missing fails.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether a command runs and succeeds.
fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn main() {
    for variable in ["CI", "PATH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let modules = Path::new("../examples/node/node_modules");
    println!("cargo::rerun-if-changed={}", modules.display());
    let node = modules.exists() && succeeds(Command::new("node").arg("--version"));
    let python = succeeds(Command::new("python3").args(["-c", "import wasmtime.component"]));
    for (name, is_installed) in [("has_node", node), ("has_python", python)] {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if is_installed || std::env::var_os("CI").is_some() {
            println!("cargo::rustc-cfg={name}");
        }
    }
}
