//! Sets a `cfg` for each example host whose language is installed.

#[path = "../tests/installed.rs"]
mod installed;

fn main() {
    let python = installed::runs("python3", &["-c", "import wasmtime.component"]);
    let node = installed::has_packages("../examples/node");
    installed::tell(&[("has_node", node), ("has_python", python)]);
}
