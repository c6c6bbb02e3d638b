//! One call after the other, each way.

use std::time::Duration;

use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::fake::FakeProcess;
use crate::measured::{Measured, wanted};
use crate::timing::one_at_a_time;
use crate::ways::{Client, Native, OldWay, Served, host_way, over_http, over_stdio, settings};

pub(crate) fn measure(
    criterion: &mut Criterion,
    runtime: &Runtime,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let mut fake = FakeProcess::start(Duration::ZERO)?;
    let mut group = criterion.benchmark_group("one call");
    for way in [Client::wire(&mut fake)?, Native::way(fake.settings())?, host_way(fake.settings())?]
    {
        one_at_a_time(&mut group, way.name, runtime, &way.status);
    }
    let (_served, ask) = Served::tools(&fake, &Client::new(&settings(fake.settings())?))?;
    one_at_a_time(&mut group, "wasmtime serve", runtime, &ask);
    let stdio = runtime.block_on(over_stdio(&fake))?.way("mcp stdio");
    one_at_a_time(&mut group, stdio.name, runtime, &stdio.status);
    let http = runtime.block_on(over_http(&fake))?.way("mcp http");
    one_at_a_time(&mut group, http.name, runtime, &http.status);
    // Dropped on the runtime that their clients are on.
    runtime.block_on(async { drop((stdio, http)) });
    group.finish();
    if wanted("old server")
        && let Some(old) = OldWay::measure(&mut fake)?
    {
        for (name, value) in old.0 {
            measured.note(name, value);
        }
    }
    Ok(())
}
