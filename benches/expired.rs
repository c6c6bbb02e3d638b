//! Calls with an expired token: one call, and a thousand at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use criterion::Criterion;
use futures_util::future::join_all;
use oge_host::Host;
use oge_tools::tools::QueryTaskStatus;
use tokio::runtime::Runtime;

use crate::measured::{note, wanted};
use crate::mock::MockProcess;
use crate::timing::now;
use crate::ways::{Native, Site, TokenSlot, arguments, store};

/// The `OGE_TOKEN` that the mock rejects.
const EXPIRED: &str = "Bearer expired";

/// The latency of each response in `storm`.
const LATENCY: Duration = Duration::from_millis(250);

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    one(criterion, runtime)?;
    if wanted("storm") { storm(runtime) } else { Ok(()) }
}

/// Measures a rejected request, the login and the retry. Each call has a new store: one store would treat two
/// rejections within ten seconds as contention.
fn one(criterion: &mut Criterion, runtime: &Runtime) -> anyhow::Result<()> {
    let mock = MockProcess::start(Duration::ZERO)?;
    let site = expired(&mock);
    let mut group = criterion.benchmark_group("expired");
    let native = Native::new(&site)?;
    group.bench_function("native", |bencher| {
        bencher.iter_custom(|calls| {
            time(runtime, calls, || {
                let native = native.with(store(&site).expect("good settings"));
                async move { native.run::<QueryTaskStatus>(arguments()).await }
            })
        });
    });
    let (host, slot) = slotted(&site)?;
    group.bench_function("host", |bencher| {
        bencher.iter_custom(|calls| {
            time(runtime, calls, || {
                slot.put(store(&site).expect("good settings"));
                ask(host.clone())
            })
        });
    });
    group.finish();
    Ok(())
}

/// Returns settings with an expired token.
fn expired(mock: &MockProcess) -> Vec<(String, String)> {
    let mut site = mock.settings().to_vec();
    site.push(("OGE_TOKEN".to_owned(), EXPIRED.to_owned()));
    site
}

fn slotted(site: &Site) -> anyhow::Result<(Host, TokenSlot)> {
    let slot = TokenSlot::new(store(site)?);
    let host =
        Host::builder(std::fs::read(oge_artifacts::tools())?).settings(site.to_vec()).log(|_| {});
    Ok((host.token_store(slot.clone()).build()?, slot))
}

async fn ask(host: Host) {
    let done = host.run::<QueryTaskStatus>(&arguments()).await.expect("a good platform");
    assert_eq!(done.attempts, 2);
}

/// Returns the time of `calls` calls, without the time of `make`.
fn time<F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    calls: u64,
    make: impl Fn() -> F,
) -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..calls {
        let call = make();
        let timed = async move {
            let since = now();
            call.await;
            since.elapsed()
        };
        took += runtime.block_on(runtime.spawn(timed)).expect("no call panics");
    }
    took
}

/// Makes a thousand calls with one expired token at the same time.
fn storm(runtime: &Runtime) -> anyhow::Result<()> {
    const CALLS: usize = 1000;
    let mut mock = MockProcess::start(LATENCY)?;
    let (host, _) = slotted(&expired(&mock))?;
    let call = Arc::new(move || {
        let host = host.clone();
        async move {
            let since = now();
            ask(host).await;
            since.elapsed()
        }
    });
    let took = runtime.block_on(async {
        let tasks = (0..CALLS).map(|_| tokio::spawn(call()));
        join_all(tasks).await.into_iter().collect::<Result<Vec<_>, _>>()
    })?;
    let logins = mock.logins()?;
    let slowest = took.iter().max().copied().unwrap_or_default();
    ensure!(logins == 1, "{logins} logins for {CALLS} calls");
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    note("storm/logins", logins as f64);
    note("storm/slowest ms", slowest.as_secs_f64() * 1e3);
    // The minimum: the latency of the login and of the second request.
    note("storm/login + call ms", 2.0 * LATENCY.as_secs_f64() * 1e3);
    Ok(())
}
