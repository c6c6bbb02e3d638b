//! What each component is made of: written beside it for programs, and for people in
//! `docs/dependencies.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The components for users, by the name of their file.
fn components() -> impl Iterator<Item = (&'static str, &'static Path)> {
    oge_artifacts::all().into_iter().filter(|(name, _)| *name != "oge-tools-wit.wasm")
}

fn document(component: &Path) -> Value {
    serde_json::from_slice(&fs::read(oge_artifacts::sbom(component)).unwrap()).unwrap()
}

fn list<'a>(value: &'a Value, field: &str) -> Vec<&'a Value> {
    value[field].as_array().into_iter().flatten().collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// The crates of a component that come from the registry: those have checksums.
fn foreign(component: &Path) -> BTreeSet<String> {
    let document = document(component);
    let crates = list(&document, "components").into_iter();
    let foreign = crates.filter(|linked| !linked["hashes"].is_null());
    foreign.map(|linked| text(linked, "name").to_owned()).collect()
}

#[test]
fn each_document_is_of_its_component_to_the_byte() {
    for (name, component) in components() {
        let document = document(component);
        let about = &document["metadata"]["component"];
        assert_eq!(text(about, "name"), name);
        let digest = Sha256::digest(fs::read(component).unwrap());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text(&about["hashes"][0], "content"), digest, "{name}");
    }
}

/// What the compiler was given, and what cargo says that uses what, are found in two ways.
#[test]
fn each_document_names_what_was_compiled_and_that_is_what_is_used() {
    for (name, component) in components() {
        let document = document(component);
        let compiled: Vec<_> = list(&document, "components");
        let compiled: Vec<_> = compiled.iter().map(|linked| text(linked, "bom-ref")).collect();
        let distinct: BTreeSet<_> = compiled.iter().copied().collect();
        assert_eq!(distinct.len(), compiled.len(), "{name} names one crate twice");

        let uses: BTreeMap<_, Vec<_>> = list(&document, "dependencies")
            .into_iter()
            .map(|entry| {
                let used = list(entry, "dependsOn").into_iter().filter_map(Value::as_str);
                (text(entry, "ref"), used.collect())
            })
            .collect();
        let (mut reached, mut next) = (BTreeSet::new(), vec![name]);
        while let Some(user) = next.pop() {
            if reached.insert(user) {
                next.extend(&uses[user]);
            }
        }
        reached.remove(name);
        assert_eq!(reached, distinct, "{name}");
    }
}

/// Two versions are two copies to load and to audit.
#[test]
fn no_crate_is_linked_in_two_versions() {
    for (_, component) in components() {
        let document = document(component);
        let mut seen = BTreeSet::new();
        for name in list(&document, "components").into_iter().map(|linked| text(linked, "name")) {
            // The bindings of `wasip2` come with the version that they were made by.
            assert!(seen.insert(name) || name == "wit-bindgen", "{name} in {component:?}");
        }
    }
}

#[test]
fn every_crate_has_its_licence_and_one_from_the_registry_its_checksum() {
    for (_, component) in components() {
        for linked in list(&document(component), "components") {
            let licence = text(&linked["licenses"][0], "expression");
            assert!(!licence.is_empty() && !licence.contains('/'), "{linked}");
            let name = text(linked, "name");
            let is_foreign = !name.starts_with("oge-") && name != "rust-std";
            assert_eq!(linked["hashes"].is_array(), is_foreign, "{name}");
        }
    }
}

#[test]
fn the_note_has_every_crate_that_a_component_links_and_no_other() {
    let note = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/dependencies.md");
    let note = fs::read_to_string(note).unwrap();
    let mut noted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in note.lines().filter_map(|line| line.strip_prefix("| `")) {
        let Some((name, row)) = row.split_once("` | ") else { panic!("{row}") };
        let (within, _) = row.split_once(" | ").unwrap();
        for component in within.split(", ") {
            noted.entry(component).or_default().insert(name.to_owned());
        }
    }
    let tools = foreign(oge_artifacts::tools());
    let store = foreign(oge_artifacts::token_store());
    let both = tools.union(&store).cloned().collect();
    assert_eq!(foreign(oge_artifacts::standalone()), both, "composed of the two");
    assert_eq!(foreign(oge_artifacts::wassette()), both, "the same two with other settings");
    let linked = BTreeMap::from([
        ("tools", tools),
        ("store", store),
        ("mcp", foreign(oge_artifacts::mcp())),
    ]);
    assert_eq!(noted, linked, "docs/dependencies.md says why each crate is there");
}
