//! Waits for the end of a task: how often its state is queried.

use core::time::Duration;

use crate::tools::Completed;
use crate::tools::query_task_status::Output;

/// The first pause between two queries.
const FIRST: Duration = Duration::from_secs(2);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// Queries a task's state. Then pauses and queries again until the task ends or `wait` is over.
///
/// `now` returns the time since an arbitrary fixed point. `pause` gets the length of the pause, the output of
/// the last query, and how long the wait has lasted.
///
/// # Errors
/// Returns the error of `query`.
pub async fn watch<E>(
    wait: Duration,
    now: impl Fn() -> Duration,
    query: impl AsyncFn() -> Result<Completed<Output>, E>,
    pause: impl AsyncFn(Duration, &Output, Duration),
) -> Result<Completed<Output>, E> {
    let started = now();
    let mut pauses = Pauses::of(wait, started);
    loop {
        let mut done = query().await?;
        let now = now();
        let waited = now.saturating_sub(started);
        let next = if done.output.phase.is_end() { None } else { pauses.pause(now) };
        let Some(next) = next else {
            done.elapsed = waited;
            return Ok(done);
        };
        pause(next, &done.output, waited).await;
    }
}

/// Returns how long to pause before the next query in a wait of `wait` that began `waited` ago, or `None` if the
/// wait is over. A client that pauses so after each query makes the queries of [`watch`].
#[must_use]
pub fn pause_at(waited: Duration, wait: Duration) -> Option<Duration> {
    let mut pauses = Pauses::of(wait, Duration::ZERO);
    let mut now = Duration::ZERO;
    loop {
        let pause = pauses.pause(now)?;
        now += pause;
        if now > waited {
            return Some(pause.min(wait.saturating_sub(waited)));
        }
    }
}

/// The pauses of one wait. Each is 1.5 times the one before, and not longer than the rest of the wait.
#[derive(Clone, Copy, Debug)]
struct Pauses {
    next: Duration,
    /// When the wait ends, on the caller's monotonic clock.
    until: Duration,
}

impl Pauses {
    /// Starts a wait of `time` from `now`.
    fn of(time: Duration, now: Duration) -> Self {
        Self { next: FIRST, until: now.saturating_add(time) }
    }

    /// Returns how long to pause before the next query, or `None` if the wait is over.
    fn pause(&mut self, now: Duration) -> Option<Duration> {
        let left = self.until.saturating_sub(now);
        let pause = self.next.min(left);
        self.next = (self.next * 3 / 2).min(MAX_PAUSE);
        (!pause.is_zero()).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn pauses(seconds: u64) -> Vec<f64> {
        let mut now = Duration::from_secs(1000);
        let mut pauses = Pauses::of(Duration::from_secs(seconds), now);
        core::iter::from_fn(|| {
            let pause = pauses.pause(now)?;
            now += pause;
            Some(pause.as_secs_f64())
        })
        .collect()
    }

    #[test]
    fn pauses_grow_to_fifteen_seconds_and_end_with_the_wait() {
        assert_eq!(pauses(0), [0.0; 0]);
        assert_eq!(pauses(1), [1.0]);
        assert_eq!(pauses(10), [2.0, 3.0, 4.5, 0.5]);
        let long = pauses(600);
        assert_eq!(long.iter().sum::<f64>(), 600.0);
        assert_eq!(long.iter().copied().fold(0.0, f64::max), 15.0);
    }

    #[test]
    fn the_pause_follows_from_how_long_the_wait_has_lasted() {
        let seconds = Duration::from_secs;
        for wait in [1, 10, 600] {
            let mut waited = Duration::ZERO;
            for pause in pauses(wait) {
                assert_eq!(pause_at(waited, seconds(wait)).unwrap().as_secs_f64(), pause);
                waited += Duration::from_secs_f64(pause);
            }
            assert_eq!(pause_at(waited, seconds(wait)), None, "{wait}");
        }
        let late = Duration::from_millis(4_100);
        assert_eq!(pause_at(late, seconds(60)), Some(seconds(3)));
        assert_eq!(pause_at(late, seconds(5)), Some(Duration::from_millis(900)));
        assert_eq!(pause_at(seconds(601), seconds(600)), None);
        assert_eq!(pause_at(Duration::ZERO, Duration::ZERO), None);
    }
}
