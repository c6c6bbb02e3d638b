//! Long answers, each way.

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};
use tokio::runtime::Runtime;

use crate::fake::FakeProcess;
use crate::timing::one_at_a_time;
use crate::ways::{Client, Native, host_way, over_http, over_stdio};

/// By the names that the tables have.
pub(crate) const SIZES: [(&str, usize); 3] =
    [("1 KiB", 1 << 10), ("1 MiB", 1 << 20), ("16 MiB", 16 << 20)];

const MOST_IN_A_MESSAGE: usize = 1 << 20;

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    let mut fake = FakeProcess::start(Duration::ZERO)?;
    let ways = [
        Client::wire(&mut fake)?,
        Native::way(fake.settings())?,
        host_way(fake.settings())?,
        runtime.block_on(over_stdio(&fake))?.way("mcp stdio"),
        runtime.block_on(over_http(&fake))?.way("mcp http"),
    ];
    for (size, bytes) in SIZES {
        fake.answer_with(bytes)?;
        let mut group = criterion.benchmark_group(format!("reply of {size}"));
        group.throughput(Throughput::Bytes(bytes as u64));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        for way in &ways {
            // Text and structured content in one message of 40 MiB: more than the SDK's client reads.
            if way.name.starts_with("mcp") && bytes > MOST_IN_A_MESSAGE {
                continue;
            }
            one_at_a_time(&mut group, way.name, runtime, &way.query);
        }
        group.finish();
    }
    runtime.block_on(async { drop(ways) });
    Ok(())
}
