//! Says whether the packages can be tested as a user would install them, and with real clients.

#[path = "../../tests/installed.rs"]
mod installed;

fn main() {
    let sums = "../../target/packages/SHA256SUMS";
    println!("cargo::rerun-if-changed={sums}");
    let client = installed::runs("../../target/clients/bin/python", &["-c", "import mcp"]);
    let inspector = installed::has_packages("../../tests/packages");
    let has_packages = client && inspector && std::path::Path::new(sums).exists();
    let has_clients = has_packages && installed::has_packages("../../tests/clients");
    let registry = installed::runs("docker-registry", &["--version"]);
    let has_registry = has_packages && registry && installed::runs("skopeo", &["--version"]);
    installed::tell(&[
        ("has_packages", has_packages),
        ("has_clients", has_clients),
        ("has_registry", has_registry),
    ]);
}
