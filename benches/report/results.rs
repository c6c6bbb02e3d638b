//! What a run left: criterion's estimates and the numbers beside them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

/// The native way, to which all others are compared.
pub(crate) const NATIVE: &str = "native";

/// Everything that was measured.
pub(crate) struct Results {
    times: BTreeMap<(String, String), Time>,
    numbers: BTreeMap<String, f64>,
    shares: BTreeMap<String, f64>,
}

/// How long something took, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// The middle of the samples.
    pub(crate) median: f64,
    /// The middle of their distances from it.
    pub(crate) spread: f64,
}

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
    median_abs_dev: Estimate,
}

/// In nanoseconds.
#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

impl Results {
    /// Reads what stands in criterion's directory.
    pub(crate) fn read(directory: &Path) -> anyhow::Result<Self> {
        let numbers =
            fs::read(directory.join("measured.json")).context("run `cargo bench` first")?;
        let numbers = serde_json::from_slice(&numbers)?;
        let mut times = BTreeMap::new();
        for group in directories(directory)? {
            for way in directories(&group)? {
                let newest = way.join("new");
                let Ok(benchmark) = fs::read(newest.join("benchmark.json")) else { continue };
                let Benchmark { group_id, function_id } = serde_json::from_slice(&benchmark)?;
                let estimates = fs::read(newest.join("estimates.json"))?;
                let Estimates { median, median_abs_dev } = serde_json::from_slice(&estimates)?;
                let time = Time {
                    median: median.point_estimate / 1e3,
                    spread: median_abs_dev.point_estimate / 1e3,
                };
                times.insert((group_id, function_id.unwrap_or_default()), time);
            }
        }
        let shares = fs::read_to_string(directory.join("profile.txt")).unwrap_or_default();
        let shares = shares.lines().filter_map(|line| {
            let (whose, share) = line.rsplit_once(' ')?;
            Some((whose.to_owned(), share.parse().ok()?))
        });
        Ok(Self { times, numbers, shares: shares.collect() })
    }

    /// How long a way took.
    pub(crate) fn time(&self, group: &str, way: &str) -> Option<Time> {
        self.times.get(&(group.to_owned(), way.to_owned())).copied()
    }

    /// A number by its name.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    /// How much of a way's processor time is spent in somebody's code, of 1. None of it where a way was profiled and
    /// the code was not met.
    pub(crate) fn share(&self, way: &str, whose: &str) -> Option<f64> {
        let was_profiled = self.shares.keys().any(|key| key.starts_with(&format!("{way} ")));
        let share = self.shares.get(&format!("{way} {whose}")).copied();
        was_profiled.then(|| share.unwrap_or_default())
    }

    /// How many times a native call's time a way's is.
    pub(crate) fn to_native(&self, group: &str, way: &str) -> Option<f64> {
        Some(self.time(group, way)?.median / self.time(group, NATIVE)?.median)
    }

    /// Calls a second with so many callers.
    pub(crate) fn calls_a_second(&self, callers: usize, way: &str) -> Option<f64> {
        Some(1e6 / self.time(&format!("{callers} callers"), way)?.median)
    }
}

fn directories(of: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(of)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}
