//! Asserts that each promise in SECURITY.md names tests that exist.

use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Returns the rows of the table of promises.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    let (_, promises) = text.split_once("\n## Promises\n").expect("a section of promises");
    let promises = promises.split("\n## ").next().unwrap_or_default();
    promises.lines().filter(|line| line.starts_with("| ")).skip(2)
}

/// Returns the file and name of each test in backticks: `folder/file.rs::test`.
fn tests(row: &str) -> impl Iterator<Item = (&str, &str)> {
    row.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::"))
}

/// Returns whether `file` has a function of that name with a test attribute.
fn has_test(file: &str, name: &str) -> bool {
    let Ok(source) = fs::read_to_string(Path::new(ROOT).join(format!("{file}.rs"))) else {
        return false;
    };
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else {
        return false;
    };
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    ["#[test]", "#[tokio::test"].iter().any(|mark| attributes.contains(mark))
}

#[test]
fn each_promise_names_tests_that_exist() {
    let text = fs::read_to_string(Path::new(ROOT).join("SECURITY.md")).unwrap();
    let mut promises = 0;
    for row in rows(&text) {
        promises += 1;
        assert!(tests(row).next().is_some(), "no test is named: {row}");
        for (file, name) in tests(row) {
            assert!(has_test(file, name), "{file}.rs has no test {name}");
        }
    }
    assert!(promises > 15, "{promises} promises");
}

#[test]
fn a_missing_test_is_detected() {
    assert!(has_test("host-test/security_md", "each_promise_names_tests_that_exist"));
    assert!(!has_test("host-test/security_md", "each_promise_names_tests_that"));
    assert!(!has_test("host-test/security_md", "rows"), "a function that is not a test");
    assert!(!has_test("host-test/nowhere", "each_promise_names_tests_that_exist"));
}
