//! A fresh instance, and nothing sent: what isolation costs.

use std::time::Duration;

use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::fake::FakeProcess;
use crate::timing::one_at_a_time;
use crate::ways::{call, host};

/// `auth.token-status` contacts no one: an instance is made, called, and cleared away.
pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    let fake = FakeProcess::start(Duration::ZERO)?;
    let mut group = criterion.benchmark_group("instance");
    let asked = host(fake.settings())?;
    let status = call(move || {
        let host = asked.clone();
        async move {
            host.token_status().await.expect("no one is contacted");
        }
    });
    one_at_a_time(&mut group, "made, called, cleared", runtime, &status);
    let alone = host(fake.settings())?;
    let made = call(move || {
        let host = alone.clone();
        async move { host.warm_up().await.expect("there is room") }
    });
    one_at_a_time(&mut group, "made, cleared", runtime, &made);
    group.finish();
    Ok(())
}
