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
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let target = std::env::var("TARGET").unwrap_or_default();
    let command = format!("../../target/packages/oge-{version}-{target}.tar.gz");
    println!("cargo::rustc-env=TARGET={target}");
    let has_command = has_packages && std::path::Path::new(&command).exists();
    println!("cargo::rerun-if-env-changed=WASSETTE");
    let wassette = std::env::var("WASSETTE");
    let wassette = wassette.as_deref().unwrap_or("../../target/wassette/wassette");
    let etcd = installed::runs("etcd", &["--version"]);
    let has_wassette = has_registry && etcd && installed::runs(wassette, &["--version"]);
    let validator = &["-c", "import kubernetes_validate"];
    let python = "../../target/clients/bin/python";
    let has_kubernetes = has_packages && etcd && installed::runs(python, validator);
    let has_wasmcloud = has_registry
        && installed::runs("../../target/clients/bin/wash", &["--version"])
        && installed::runs("nats-server", &["--version"])
        && installed::runs("etcd", &["--version"]);
    installed::tell(&[
        ("has_command", has_command),
        ("has_packages", has_packages),
        ("has_clients", has_clients),
        ("has_kubernetes", has_kubernetes),
        ("has_registry", has_registry),
        ("has_wasmcloud", has_wasmcloud),
    ]);
    // Not required in CI: it needs glibc 2.39, which a machine may not have.
    println!("cargo::rustc-check-cfg=cfg(has_wassette)");
    if has_wassette {
        println!("cargo::rustc-cfg=has_wassette");
    }
}
