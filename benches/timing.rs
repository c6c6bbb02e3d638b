//! How a way is timed: one call after the other, or so many at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use tokio::runtime::Runtime;

use crate::ways::Call;

/// The clock of every measurement here.
#[expect(clippy::disallowed_methods, reason = "measuring real time is what this program is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// One call after the other.
pub(crate) fn one_at_a_time(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    call: &Call,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            // On a worker, as a server's calls are; a task that blocks the main thread is woken slower.
            let call = Arc::clone(call);
            let task = runtime.spawn(async move {
                let started = now();
                for _ in 0..calls {
                    call().await;
                }
                started.elapsed()
            });
            runtime.block_on(task).expect("a call that panics measures nothing")
        });
    });
}

/// `callers` that each begin their next call when the last one has ended, until `calls` are made. How
/// long it took, and each call.
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
            took.extend(task.await.expect("a call that panics measures nothing"));
        }
        (started.elapsed(), took)
    })
}

/// The value below which that part of them lies.
pub(crate) fn quantile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let index = ((sorted.len().max(1) - 1) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}
