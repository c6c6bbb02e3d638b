//! Sets a `cfg` for each program that tests need and that can run.

#[path = "../installed.rs"]
mod installed;

fn main() {
    let chromium = installed::runs("chromium", &["--version", "--no-sandbox"]);
    let suite = installed::has_packages("../conformance");
    installed::tell(&[
        ("has_card_packages", chromium && installed::has_packages("../../card")),
        ("has_conformance_suite", suite),
        ("has_chromium", chromium),
        ("has_etcd", installed::runs("etcd", &["--version"])),
        ("has_faketime", installed::runs("faketime", &["--version"])),
    ]);
}
