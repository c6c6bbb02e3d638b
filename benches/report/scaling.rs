//! What one core, one machine and a fleet serve, reckoned from what was measured.

use std::fmt::Write as _;

use crate::results::Results;

/// How long OGE computes, in seconds: a state is asked for, a query runs, an analysis runs.
const ANSWERS: [f64; 3] = [0.1, 2.0, 30.0];

/// A machine's cores, and what of its memory is there for calls, in GiB.
const CORES: f64 = 8.0;
const MEMORY_GIB: f64 = 16.0;
/// Machines of a fleet.
const FLEET: f64 = 10.0;

/// Microseconds of a core and KiB of memory that a call in the host takes.
fn takes(results: &Results) -> Option<(f64, f64)> {
    let cpu = results.number("64 callers/host/cpu")?;
    Some((cpu, results.number("memory/a call in flight, KiB/host")?))
}

pub(crate) fn a_call(results: &Results) -> String {
    let Some((cpu, memory)) = takes(results) else { return "not measured\n".to_owned() };
    format!(
        "| of | a call in the host takes |\n| --- | --- |\n\
         | processor time, at 64 in flight | {cpu:.0} µs |\n\
         | memory, while it waits | {memory:.0} KiB |\n"
    )
}

/// The fewer of what the cores can compute and the memory can hold.
pub(crate) fn served(results: &Results) -> String {
    let Some((cpu, memory)) = takes(results) else { return "not measured\n".to_owned() };
    let by_core = 1e6 / cpu;
    let held = MEMORY_GIB * 1024.0 * 1024.0 / memory;
    let mut table = format!(
        "| OGE takes | one core computes | a machine's {MEMORY_GIB:.0} GiB hold | a machine of {CORES:.0} \
         cores serves | {FLEET:.0} of them |\n| --- | --- | --- | --- | --- |\n"
    );
    for seconds in ANSWERS {
        let by_memory = held / seconds;
        let machine = by_memory.min(CORES * by_core);
        let _ = writeln!(
            table,
            "| {seconds} s | {by_core:.0} calls/s | {by_memory:.0} calls/s | {machine:.0} calls/s | {:.0} calls/s |",
            FLEET * machine
        );
    }
    table
}
