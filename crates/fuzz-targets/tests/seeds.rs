//! Runs every target on its seeds, which include past findings of the fuzzer, and on mutations of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use oge_fuzz_targets::{TARGETS, run};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");

/// Texts that have a meaning in one of the parsers.
const MARKS: [&str; 24] = [
    "`", "\\", "\"", "{", "}", "[", "]", ":", ",", "%", "@", "/", "?", "#", ".", "^r^n", "^n ",
    "0", "9", "-", "e308", "\u{feff}", "\u{0}", "坡",
];

/// An input, shown as text.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// One change to an input.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, Input),
    Remove(Index, usize),
    Repeat(Index, usize),
    /// Replaces the rest by the end of another seed.
    Splice(Index, Index, Index),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let mark = prop::sample::select(MARKS.as_slice()).prop_map(|mark| Input(mark.into()));
    let bytes = prop::collection::vec(any::<u8>(), 1..4).prop_map(Input);
    prop_oneof![
        4 => (any::<Index>(), mark).prop_map(|(at, mark)| Edit::Insert(at, mark)),
        1 => (any::<Index>(), bytes).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (any::<Index>(), 1usize..8).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => (any::<Index>(), 1usize..300).prop_map(|(at, times)| Edit::Repeat(at, times)),
        1 => any::<(Index, Index, Index)>().prop_map(|(at, seed, from)| Edit::Splice(at, seed, from)),
    ]
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match self {
            Self::Insert(at, Input(more)) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = place(at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Self::Repeat(at, times) => {
                let at = place(at);
                let part: Vec<u8> = bytes[at..].iter().copied().take(8).collect();
                bytes.splice(at..at, part.repeat(*times));
            }
            Self::Splice(at, seed, from) => {
                let seed = &seeds[seed.index(seeds.len())];
                bytes.truncate(place(at));
                bytes.extend(&seed[from.index(seed.len() + 1)..]);
            }
        }
    }
}

fn files(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(CORPUS).join(target);
    let entries = fs::read_dir(&folder).expect("every target has a folder of seeds");
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no seed");
    files
}

#[test]
fn every_folder_of_seeds_has_its_target() {
    let folders = fs::read_dir(CORPUS).unwrap();
    let folders: BTreeSet<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, TARGETS.map(|(name, _)| name.to_owned()).into());
}

#[test]
fn every_property_holds_for_seeds_and_their_mutations() {
    for (name, _) in TARGETS {
        let seeds: Vec<Vec<u8>> = files(name).iter().map(|file| fs::read(file).unwrap()).collect();
        for seed in &seeds {
            run(name, seed);
        }
        let edits = (any::<Index>(), prop::collection::vec(any_edit(), 0..6));
        let mutated = edits.prop_map(|(seed, edits)| {
            let mut bytes = seeds[seed.index(seeds.len())].clone();
            edits.iter().for_each(|edit| edit.apply(&mut bytes, &seeds));
            Input(bytes)
        });
        let config =
            ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) };
        let tried = TestRunner::new(config).run(&mutated, |Input(bytes)| {
            run(name, &bytes);
            Ok(())
        });
        assert!(tried.is_ok(), "{name}: {}", tried.unwrap_err());
    }
}
