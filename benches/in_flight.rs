//! Many callers at once, each way: calls a second, and how long each call took.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use criterion::{Criterion, SamplingMode, Throughput};
use tokio::runtime::Runtime;

use crate::measured::{note, wanted};
use crate::mock::MockProcess;
use crate::names::CALLERS;
use crate::timing::{at_once, quantile};
use crate::ways::{self, Way};

/// What a server runs, whose pool as it comes has no room for the instances of 512 requests.
const MOST_SERVED: usize = 64;

fn is_served(way: &str) -> bool {
    matches!(way, "wasmtime serve" | "mcp http")
}

/// What runs in this process.
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
    // How much of a core a call takes: the least of some rounds, since a neighbour on the same machine only ever
    // makes it more, and each way in each round, since a neighbour comes and goes.
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

/// What all threads of this process have computed so far, in microseconds.
fn processor_time() -> anyhow::Result<f64> {
    /// Linux tells it in hundredths of a second.
    const TICK_MICROS: f64 = 1e4;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name before it may hold blanks.
    let (_, numbers) = stat.rsplit_once(')').context("Linux tells")?;
    let ticks = numbers.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * TICK_MICROS)
}

/// How long half of the calls took at most, and ninety-nine of a hundred.
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
