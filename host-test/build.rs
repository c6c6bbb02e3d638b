//! Sets a `cfg` for each program that tests need and that is installed.

#[path = "../tests/installed.rs"]
mod installed;

fn main() {
    let python = installed::runs("python3", &["-c", "import wasmtime.component"]);
    let node = installed::has_packages("../examples/node");
    let etcd = installed::runs("etcd", &["--version"]);
    installed::tell(&[("has_etcd", etcd), ("has_node", node), ("has_python", python)]);
}
