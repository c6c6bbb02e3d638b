//! Measures sequential and concurrent calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use tokio::runtime::Runtime;

use crate::ways::Call;

/// Returns the current time. Every measurement uses it.
#[expect(clippy::disallowed_methods, reason = "measuring real time is what this program is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Measures sequential calls.
pub(crate) fn one_at_a_time(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    call: &Call,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            // On a worker thread, like a server's calls. Waking the main thread takes longer.
            let call = Arc::clone(call);
            let task = runtime.spawn(async move {
                let started = now();
                for _ in 0..calls {
                    call().await;
                }
                started.elapsed()
            });
            runtime.block_on(task).expect("no call panics")
        });
    });
}

/// Makes `calls` calls with `callers` concurrent callers. Returns the whole time and the time of each call.
pub(crate) fn at_once(
    runtime: &Runtime,
    call: &Call,
    callers: usize,
    calls: u64,
) -> (Duration, Vec<Duration>) {
    let left = Arc::new(AtomicI64::new(i64::try_from(calls).unwrap_or(i64::MAX)));
    runtime.block_on(async {
        let started = now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (call, left) = (Arc::clone(call), Arc::clone(&left));
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                        let since = now();
                        call().await;
                        took.push(since.elapsed());
                    }
                    took
                })
            })
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.expect("no call panics"));
        }
        (started.elapsed(), took)
    })
}

/// Returns the quantile of sorted values; `part` is between 0 and 1.
pub(crate) fn quantile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let index = ((sorted.len().max(1) - 1) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}
