//! Sequential calls.

use std::time::Duration;

use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::measured::{note, wanted};
use crate::mock::MockProcess;
use crate::timing::one_at_a_time;
use crate::ways::{self, OldWay};

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    let mut mock = MockProcess::start(Duration::ZERO)?;
    let mut group = criterion.benchmark_group("one call");
    // Waking threads takes most of the time of a call and varies.
    group.measurement_time(Duration::from_secs(5));
    for way in ways::all(&mut mock, runtime)? {
        one_at_a_time(&mut group, way.name, runtime, &way.status);
    }
    group.finish();
    if wanted("old server")
        && let Some(old) = OldWay::measure(&mut mock)?
    {
        for (name, value) in old.0 {
            note(name, value);
        }
    }
    Ok(())
}
