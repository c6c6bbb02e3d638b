//! Sets a `cfg` if the conformance suite and if the browser can run.

#[path = "../installed.rs"]
mod installed;

fn main() {
    let chromium = installed::runs("chromium", &["--version", "--no-sandbox"]);
    let suite = installed::has_packages("../conformance");
    installed::tell(&[("has_conformance_suite", suite), ("has_chromium", chromium)]);
}
