//! Where and with what it was measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// The machine, the date, the versions.
pub(crate) fn table(root: &Path) -> anyhow::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").context("Linux tells")?;
    let models: Vec<_> =
        cpu.lines().filter_map(|line| line.strip_prefix("model name\t: ")).collect();
    let kernel = said("uname", &["-sr"], root)?;
    let lock = fs::read_to_string(root.join("Cargo.lock"))?;
    let wasmcloud = fs::read_to_string(root.join("benches/wasmcloud/Cargo.lock"))?;
    let (wash, under_it) = (locked(&wasmcloud, "wash-runtime")?, locked(&wasmcloud, "wasmtime")?);
    let mut table = "| what | which |\n| --- | --- |\n".to_owned();
    for (what, which) in [
        ("date", said("date", &["-u", "+%F"], root)?),
        ("commit", said("git", &["rev-parse", "--short", "HEAD"], root)?),
        ("processor", format!("{} × {}", models.len(), models.first().unwrap_or(&"unknown"))),
        ("system", kernel),
        ("Rust", said("rustc", &["--version"], root)?),
        ("wasmtime", locked(&lock, "wasmtime")?),
        ("wasmCloud", format!("wash-runtime {wash} on wasmtime {under_it}")),
        ("criterion", locked(&lock, "criterion")?),
    ] {
        writeln!(table, "| {what} | {which} |")?;
    }
    Ok(table)
}

fn said(program: &str, arguments: &[&str], at: &Path) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).current_dir(at).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The version of a package that the lock file has.
fn locked(lock: &str, package: &str) -> anyhow::Result<String> {
    let (_, rest) = lock
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .with_context(|| format!("Cargo.lock has {package}"))?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}
