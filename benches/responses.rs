//! Large responses.

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};
use tokio::runtime::Runtime;

use crate::mock::MockProcess;
use crate::parameters::SIZES;
use crate::timing::one_at_a_time;
use crate::ways;

const MOST_IN_A_MESSAGE: usize = 1 << 20;

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    let mut mock = MockProcess::start(Duration::ZERO)?;
    let ways = ways::all(&mut mock, runtime)?;
    for (size, bytes) in SIZES {
        mock.answer_with(bytes)?;
        let mut group = criterion.benchmark_group(format!("response of {size}"));
        group.throughput(Throughput::Bytes(bytes as u64));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        for way in &ways {
            // Text and structured content would be one message of 40 MiB, which the SDK's client does not read.
            if way.name.contains("mcp") && bytes > MOST_IN_A_MESSAGE {
                continue;
            }
            if let Some(query) = &way.query {
                one_at_a_time(&mut group, way.name, runtime, query);
            }
        }
        group.finish();
    }
    Ok(())
}
