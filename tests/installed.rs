//! For the build scripts of tests that need other programs: without its program a test is reported as ignored.
//! In CI no test is ignored; one whose program is missing fails.

use std::path::Path;
use std::process::{Command, Stdio};

/// Lets tests see, as `cfg(NAME)`, which programs are installed.
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

/// Whether Node.js is there, and the packages that `npm ci` installs in `folder`.
pub(crate) fn has_packages(folder: &str) -> bool {
    let modules = Path::new(folder).join("node_modules");
    println!("cargo::rerun-if-changed={}", modules.display());
    modules.exists() && runs("node", &["--version"])
}

/// Whether a command runs and succeeds.
pub(crate) fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.args(arguments).status().is_ok_and(|status| status.success())
}
