//! For build scripts of tests that need other programs. A test is reported as ignored if its program is
//! missing. In CI it is not ignored and fails.

use std::path::Path;
use std::process::{Command, Stdio};

/// Sets `cfg(NAME)` for each installed program; in CI for all.
pub(crate) fn tell(programs: &[(&str, bool)]) {
    for variable in ["CI", "PATH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    for (name, is_installed) in programs {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if *is_installed || std::env::var_os("CI").is_some() {
            println!("cargo::rustc-cfg={name}");
        }
    }
}

/// Returns whether Node.js is installed, and in `folder` the packages that `npm ci` installs.
pub(crate) fn has_packages(folder: &str) -> bool {
    let modules = Path::new(folder).join("node_modules");
    println!("cargo::rerun-if-changed={}", modules.display());
    modules.exists() && runs("node", &["--version"])
}

/// Returns whether a command runs and succeeds.
pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.args(arguments).status().is_ok_and(|status| status.success())
}
