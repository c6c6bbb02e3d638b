//! One call after the other, each way.

use std::time::Duration;

use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::fake::FakeProcess;
use crate::measured::{note, wanted};
use crate::timing::one_at_a_time;
use crate::ways::{self, OldWay};

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    let mut fake = FakeProcess::start(Duration::ZERO)?;
    let mut group = criterion.benchmark_group("one call");
    // Most of such a call is waking threads, which takes now longer and now shorter.
    group.measurement_time(Duration::from_secs(5));
    for way in ways::all(&mut fake, runtime)? {
        one_at_a_time(&mut group, way.name, runtime, &way.status);
    }
    group.finish();
    if wanted("old server")
        && let Some(old) = OldWay::measure(&mut fake)?
    {
        for (name, value) in old.0 {
            note(name, value);
        }
    }
    Ok(())
}
