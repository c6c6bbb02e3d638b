//! Many callers at once: calls per second and the time of each call.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use criterion::{Criterion, SamplingMode, Throughput};
use tokio::runtime::Runtime;

use crate::measured::{note, wanted};
use crate::mock::MockProcess;
use crate::parameters::CALLERS;
use crate::timing::{at_once, quantile};
use crate::ways::{self, Way};

/// The most callers of a server: the default pool of `wasmtime serve` has no room for 512 instances.
const MOST_SERVED: usize = 64;

fn is_served(way: &str) -> bool {
    matches!(way, "wasmtime serve" | "mcp http")
}

/// The ways that run in this process.
const HERE: [&str; 5] = ["wire", "native", "host", "bare", "dutiful"];

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    let mut mock = MockProcess::start(Duration::ZERO)?;
    let ways = ways::all(&mut mock, runtime)?;
    for callers in CALLERS {
        let mut group = criterion.benchmark_group(format!("{callers} callers"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(1));
        for Way { name, status: call, .. } in &ways {
            if callers > MOST_SERVED && is_served(name) {
                continue;
            }
            let took = RefCell::new(Vec::new());
            group.bench_function(*name, |bencher| {
                bencher.iter_custom(|calls| {
                    let (whole, each) = at_once(runtime, call, callers, calls);
                    took.borrow_mut().extend(each);
                    whole
                });
            });
            note_times(callers, name, took.into_inner());
        }
        group.finish();
    }
    // The CPU time of a call is the minimum of some rounds, since other processes only increase it. Each round
    // runs all ways, so that a change of the machine's load affects all.
    const ROUNDS: usize = 8;
    const CALLS: u32 = 10_000;
    let mut least = BTreeMap::new();
    for way in ways.iter().filter(|way| HERE.contains(&way.name)).cycle().take(ROUNDS * HERE.len())
    {
        let name = format!("64 callers/{}/cpu", way.name);
        if wanted(&name) {
            let before = processor_time()?;
            at_once(runtime, &way.status, 64, CALLS.into());
            let took = (processor_time()? - before) / f64::from(CALLS);
            let least = least.entry(name).or_insert(f64::INFINITY);
            *least = took.min(*least);
        }
    }
    for (name, micros) in least {
        note(name, micros);
    }
    Ok(())
}

/// Returns the CPU time of this process, in microseconds.
fn processor_time() -> anyhow::Result<f64> {
    /// Linux counts in hundredths of a second.
    const TICK_MICROS: f64 = 1e4;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the process, before the last parenthesis, may contain blanks.
    let (_, numbers) = stat.rsplit_once(')').context("/proc/self/stat has no name")?;
    let ticks = numbers.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * TICK_MICROS)
}

/// Prints the median and the 99th percentile.
fn note_times(callers: usize, way: &str, mut took: Vec<Duration>) {
    if took.is_empty() {
        return;
    }
    took.sort_unstable();
    for (what, part) in [("p50", 0.5), ("p99", 0.99)] {
        let micros = quantile(&took, part).as_secs_f64() * 1e6;
        note(format!("{callers} callers/{way}/{what}"), micros);
    }
}
