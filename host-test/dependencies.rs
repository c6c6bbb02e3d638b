//! Compares the crates of each component with the lists in `docs/dependencies/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The packages that the components are built from. Composed components contain only these.
const PACKAGES: [&str; 3] = ["oge-tools", "oge-token-store", "oge-mcp"];

/// Returns the crates that `package` links, one per line: name, version, licence.
fn crates(package: &str) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--target", "wasm32-wasip2", "--package", package]);
    // Procedural macros and build scripts run at build time and are not linked.
    cargo.args(["--edges", "normal,no-proc-macro", "--no-dedupe"]);
    cargo.args(["--prefix", "none", "--format", "{p}\t{l}"]).current_dir(ROOT);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let lines = tree.lines().filter(|line| !line.is_empty()).map(|line| {
        let (name, licence) = line.split_once('\t').unwrap();
        // Removes the path of a workspace package, which differs between checkouts.
        let name = name.split(" (").next().unwrap();
        format!("{name}, {licence}\n")
    });
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn components_link_exactly_the_listed_crates() {
    for package in PACKAGES {
        let file = Path::new(ROOT).join("docs/dependencies").join(package).with_extension("txt");
        let crates = crates(package);
        if std::env::var_os("OGE_BLESS").is_some() {
            fs::write(&file, &crates).unwrap();
        }
        let listed = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(crates, listed, "{}; OGE_BLESS=1 rewrites it", file.display());
    }
}

/// Each version adds a copy to load and to audit.
#[test]
fn no_component_links_a_crate_in_two_versions() {
    for package in PACKAGES {
        let crates = crates(package);
        let names: Vec<_> = crates.lines().map(|line| line.split(' ').next().unwrap()).collect();
        for (name, next) in names.iter().zip(names.iter().skip(1)) {
            // `wasip2` pins the `wit-bindgen` version that generated its bindings.
            assert!(name != next || *name == "wit-bindgen", "{name} in {package}");
        }
    }
}
