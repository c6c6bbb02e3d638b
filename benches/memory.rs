//! Memory of a call in flight, of a large response and of many calls. Each is measured in its own process.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::measured::{note, wanted};
use crate::mock::MockProcess;
use crate::role::Role;
use crate::ways::{Call, Native, host_way};

const IN_FLIGHT: usize = 512;
const LONG: usize = 16 << 20;
const MANY: u64 = 100_000;

/// Each scenario: the argument of the process, and the name of the value.
const SCENARIOS: [(&str, &str); 3] = [
    ("in flight", "memory/a call in flight, KiB"),
    ("long", "memory/peak of a 16 MiB response, times its size"),
    ("many", "memory/growth over 100,000 calls, KiB"),
];

pub(crate) fn measure() -> anyhow::Result<()> {
    for (scenario, name) in SCENARIOS.into_iter().filter(|(_, name)| wanted(name)) {
        let latency = if scenario == "in flight" { Duration::from_secs(3) } else { Duration::ZERO };
        let mut mock = MockProcess::start(latency)?;
        mock.answer_with(LONG)?;
        for way in ["host", "native"] {
            let mut command = Role::Host.command()?;
            command.envs(mock.settings().iter().cloned()).arg(way).arg(scenario);
            command.env("OGE_TOKEN", mock.issue_token()?);
            let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
            ensure!(output.status.success(), "{way}, {scenario}: {}", output.status);
            let value = String::from_utf8(output.stdout)?.trim().parse()?;
            note(format!("{name}/{way}"), value);
        }
    }
    Ok(())
}

/// Runs as the measured process and prints the value.
pub(crate) fn host() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (way, scenario) = (arguments.next(), arguments.next());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let site: Vec<_> = std::env::vars().collect();
    let way = match way.as_deref() {
        Some("native") => Native::way(&site)?,
        _ => host_way(&site)?,
    };
    let value = match scenario.as_deref() {
        Some("in flight") => in_flight(&runtime, &way.status)?,
        Some("long") => long(&runtime, way.query.as_ref().context("the way has no query")?)?,
        _ => many(&runtime, &way.status)?,
    };
    println!("{value}");
    Ok(())
}

/// Returns the KiB of each waiting call.
#[expect(clippy::cast_precision_loss, reason = "numbers of this size are exact")]
fn in_flight(runtime: &Runtime, call: &Call) -> anyhow::Result<f64> {
    runtime.block_on(async {
        // The first call creates what is kept: the engine's threads, the connections, the token.
        call().await;
        let before = resident("VmRSS")?;
        let calls: Vec<_> = (0..IN_FLIGHT).map(|_| tokio::spawn(call())).collect();
        // Long enough to send all, and shorter than the latency.
        sleep(Duration::from_millis(1500)).await;
        let during = resident("VmRSS")?;
        join_all(calls).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        anyhow::Ok((during - before) / IN_FLIGHT as f64)
    })
}

/// Returns the peak memory of one large response as a multiple of its size.
#[expect(clippy::cast_precision_loss, reason = "numbers of this size are exact")]
fn long(runtime: &Runtime, call: &Call) -> anyhow::Result<f64> {
    let before = resident("VmRSS")?;
    // Resets the peak (VmHWM) to the current resident memory.
    fs::write("/proc/self/clear_refs", "5")?;
    runtime.block_on(runtime.spawn(call()))?;
    Ok((resident("VmHWM")? - before) / (LONG as f64 / 1024.0))
}

/// Returns the growth over many calls in KiB, after as many warm-up calls. During warm-up the process grows
/// with each first use of a pool slot and with the allocator's caches.
fn many(runtime: &Runtime, call: &Call) -> anyhow::Result<f64> {
    repeat(runtime, call, MANY)?;
    let before = resident("VmRSS")?;
    repeat(runtime, call, MANY)?;
    Ok(resident("VmRSS")? - before)
}

/// Makes `calls` calls, 64 at a time. Records nothing, since a record would grow too.
fn repeat(runtime: &Runtime, call: &Call, calls: u64) -> anyhow::Result<()> {
    const CALLERS: u64 = 64;
    let caller = |_| {
        let call = Arc::clone(call);
        runtime.spawn(async move {
            for _ in 0..calls / CALLERS {
                call().await;
            }
        })
    };
    let callers: Vec<_> = (0..CALLERS).map(caller).collect();
    runtime.block_on(join_all(callers)).into_iter().collect::<Result<(), _>>()?;
    Ok(())
}

/// Returns a value of this process's status, in KiB.
fn resident(what: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(what))
        .context("no such line in /proc/self/status")?;
    Ok(line.trim_matches([':', '\t', ' ', 'k', 'B']).parse()?)
}
