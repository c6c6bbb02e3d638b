//! The cost of isolation: a new instance that sends nothing.

use std::time::Duration;

use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::mock::MockProcess;
use crate::timing::one_at_a_time;
use crate::ways::{call, host};

/// Measures creating and dropping an instance.
pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    let mock = MockProcess::start(Duration::ZERO)?;
    let mut group = criterion.benchmark_group("instance");
    let host = host(mock.settings())?;
    let made = call(move || {
        let host = host.clone();
        async move { host.warm_up().await.expect("there is room") }
    });
    one_at_a_time(&mut group, "made, cleared", runtime, &made);
    group.finish();
    Ok(())
}
