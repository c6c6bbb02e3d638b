//! The user pages: the README's commands run as they stand, quoted messages exist, and links lead somewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Parts of the README's blocks that are not run, with the reason.
const NOT_RUN: [(&str, &str); 3] = [
    ("pip install", "tests/packages/run.py installs the packages and drives their commands"),
    ("git clone", "it builds wasmtime; .ci/run runs the same lines"),
    ("cargo test", "this is a part of it"),
];

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the blocks of one language that are not indented.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let start = format!("\n```{language}\n");
    let blocks = text.split(&start).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[cfg(unix)]
#[test]
fn the_commands_of_the_readme_run_in_order() {
    use std::process::{Command, Stdio};

    let (english, chinese) = (read("README.md"), read("README.zh-CN.md"));
    let commands = |text: &str| {
        let lines = blocks(text, "sh").concat();
        lines.lines().map(|line| line.split(" # ").next().unwrap().trim_end().to_owned()).collect()
    };
    let (all, translated): (Vec<_>, Vec<_>) = (commands(&english), commands(&chinese));
    assert_eq!(all, translated);
    for language in ["text", "rust,no_run"] {
        assert_eq!(blocks(&english, language), blocks(&chinese, language));
    }

    let is_run = |block: &String| !NOT_RUN.iter().any(|(part, _)| block.contains(part));
    let blocks = blocks(&english, "sh");
    let (run, skipped): (Vec<_>, Vec<_>) = blocks.into_iter().partition(is_run);
    assert_eq!(skipped.len(), NOT_RUN.len(), "{skipped:#?}");
    assert!(run.len() >= 2, "{run:#?}");

    // A user waits a second for the mock; a busy machine may need more.
    let waits = "until grep -qs '^# Requests' mock.env; do sleep 0.05; done";
    let script = run.concat();
    assert_eq!(script.matches("sleep 1\n").count(), 1, "{script}");
    let script = script.replace("sleep 1\n", &format!("{waits}\n"));
    // The mock's task ends at the third query, 30 s after the first one by default.
    assert_eq!(script.matches("--wait\n").count(), 1, "{script}");
    let script = script.replace("--wait\n", "--wait --check-interval 1\n");
    let script = format!("set -eu\ntrap 'kill $(jobs -p)' EXIT\n{script}");

    let home = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_oge")).parent().unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(home.path()).env_clear().env("HOME", home.path());
    command.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).stdin(Stdio::null());
    let output = command.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{shown}\n{failed}");
    assert!(shown.contains("坡向分析执行成功"), "{shown}");
    assert!(shown.contains("\"success\":true"), "{shown}");
    assert!(shown.contains("代码转DAG任务成功"), "{shown}");
}

/// Adds the source files of a folder, without its tests.
fn collect(folder: &Path, source: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["tests", "target", "node_modules"].contains(&name) {
                collect(&path, source);
            }
        } else if ["rs", "py", "mjs", "txt"].iter().any(|end| name.ends_with(&format!(".{end}")))
            || name == "oge-mcp"
        {
            let text = fs::read_to_string(&path).unwrap();
            // Texts in source are broken by a backslash and the next line's indentation.
            source.extend(text.split("\\\n").map(str::trim_start));
        }
    }
}

/// Returns the messages that a page quotes: the texts in backticks in the first column of its tables of
/// messages, in their parts between `…`.
fn quoted(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_listed = false;
    for line in page.lines() {
        let Some(row) = line.strip_prefix("| ") else {
            is_listed = false;
            continue;
        };
        let first = row.split(" | ").next().unwrap();
        is_listed |= ["message", "status and message", "信息", "状态码和信息"].contains(&first);
        let texts = first.split('`').skip(1).step_by(2).filter(|text| text.contains(' '));
        if is_listed {
            let parts = texts.flat_map(|text| text.split('…').map(str::trim));
            found.extend(parts.filter(|part| part.len() > 3).map(str::to_owned));
        }
    }
    found
}

#[test]
fn each_quoted_message_is_in_the_source() {
    let mut source = String::new();
    for folder in ["src", "crates", "components", "packages", "examples/mcp"] {
        collect(&Path::new(ROOT).join(folder), &mut source);
    }
    let source = source.replace("\\\"", "\"");
    let english = quoted(&read("docs/troubleshooting.md"));
    assert!(english.len() > 70, "{}", english.len());
    assert_eq!(english, quoted(&read("docs/troubleshooting.zh-CN.md")));
    let missing: Vec<_> = english.iter().filter(|part| !source.contains(part.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(!source.contains("this message is in no source"), "no text is found by chance");
}

/// Returns the anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || ['-', '_', ' '].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns a page without its blocks of code.
fn prose(text: &str) -> String {
    let parts = text.split("```").step_by(2);
    parts.collect()
}

#[test]
fn each_link_between_pages_leads_somewhere() {
    let root = Path::new(ROOT);
    let folders = ["", "docs", "packages", "examples/node", "examples/python"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    let pages: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    assert!(pages.len() > 15, "{}", pages.len());
    let mut broken = Vec::new();
    for page in pages {
        let text = prose(&fs::read_to_string(&page).unwrap());
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") || link.contains(' ') {
                continue;
            }
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let headings = || prose(&fs::read_to_string(&target).unwrap_or_default());
            let is_good = target.exists()
                && (wanted.is_empty()
                    || headings()
                        .lines()
                        .any(|line| line.starts_with('#') && anchor(line) == wanted));
            if !is_good {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
