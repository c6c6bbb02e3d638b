//! Waits for the end of a task: how often its state is queried.

use core::time::Duration;

use crate::error::{Failure, FailureKind};
use crate::tools::Completed;
use crate::tools::query_task_status::Output;

/// The first pause between two queries.
const FIRST: Duration = Duration::from_secs(2);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// Queries a task's state. Then pauses and queries again until the task ends or the wait is over.
///
/// `now` returns the time since an arbitrary fixed point. `pause` gets the length of the pause, the output of
/// the last query, and how long the wait has lasted.
///
/// # Errors
/// Returns the error of `query`.
pub async fn watch<E>(
    mut pauses: Pauses,
    now: impl Fn() -> Duration,
    query: impl AsyncFn() -> Result<Completed<Output>, E>,
    pause: impl AsyncFn(Duration, &Output, Duration),
) -> Result<Completed<Output>, E> {
    let started = now();
    loop {
        let mut done = query().await?;
        let waited = now().saturating_sub(started);
        let next = if done.output.phase.is_end() { None } else { pauses.pause(waited) };
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
    let mut pauses = Pauses::growing(wait);
    let mut now = Duration::ZERO;
    loop {
        let pause = pauses.pause(now)?;
        now += pause;
        if now > waited {
            return Some(pause.min(wait.saturating_sub(waited)));
        }
    }
}

/// Returns whether a later query may succeed although this one failed.
#[must_use]
pub fn may_pass(failure: &Failure, has_own_token: bool) -> bool {
    match failure.kind {
        FailureKind::InvalidArgument | FailureKind::NotConfigured | FailureKind::Forbidden => false,
        // A caller's own token is not renewed.
        FailureKind::Unauthorized => !has_own_token,
        _ => true,
    }
}

/// The pauses of one wait. None is longer than the rest of the wait.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    wait: Duration,
    next: Duration,
    max: Duration,
}

impl Pauses {
    /// Returns the pauses of a wait of this time. Each is 1.5 times the one before.
    #[must_use]
    pub const fn growing(wait: Duration) -> Self {
        Self { wait, next: FIRST, max: MAX_PAUSE }
    }

    /// Returns the pauses of a wait of this time, all of the same length.
    #[must_use]
    pub const fn every(pause: Duration, wait: Duration) -> Self {
        Self { wait, next: pause, max: pause }
    }

    /// Returns how long to pause before the next query, or `None` if the wait is over.
    fn pause(&mut self, waited: Duration) -> Option<Duration> {
        let left = self.wait.saturating_sub(waited);
        let pause = self.next.min(left);
        self.next = (self.next * 3 / 2).min(self.max);
        (!pause.is_zero()).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn seconds(mut pauses: Pauses) -> Vec<f64> {
        let mut waited = Duration::ZERO;
        core::iter::from_fn(|| {
            let pause = pauses.pause(waited)?;
            waited += pause;
            Some(pause.as_secs_f64())
        })
        .collect()
    }

    #[test]
    fn pauses_grow_to_fifteen_seconds_and_end_with_the_wait() {
        let pauses = |wait| seconds(Pauses::growing(Duration::from_secs(wait)));
        assert_eq!(pauses(0), [0.0; 0]);
        assert_eq!(pauses(1), [1.0]);
        assert_eq!(pauses(10), [2.0, 3.0, 4.5, 0.5]);
        let long = pauses(600);
        assert_eq!(long.iter().sum::<f64>(), 600.0);
        assert_eq!(long.iter().copied().fold(0.0, f64::max), 15.0);
    }

    #[test]
    fn only_a_failure_that_may_pass_is_queried_again() {
        use FailureKind::{
            Api, Forbidden, InvalidArgument, NotConfigured, TokenStore, Unauthorized,
        };
        for (kind, has_own_token, expected) in [
            (FailureKind::Network, false, true),
            (TokenStore, false, true),
            (Api, false, true),
            (Unauthorized, false, true),
            (Unauthorized, true, false),
            (Forbidden, false, false),
            (NotConfigured, false, false),
            (InvalidArgument, false, false),
        ] {
            let failure = Failure::new(kind, "operation", "why");
            assert_eq!(may_pass(&failure, has_own_token), expected, "{kind:?}");
        }
    }

    #[test]
    fn equal_pauses_end_with_the_wait() {
        let pauses = Pauses::every(Duration::from_secs(20), Duration::from_secs(50));
        assert_eq!(seconds(pauses), [20.0, 20.0, 10.0]);
    }

    #[test]
    fn the_pause_follows_from_how_long_the_wait_has_lasted() {
        let of = Duration::from_secs;
        for wait in [1, 10, 600] {
            let mut waited = Duration::ZERO;
            for pause in seconds(Pauses::growing(of(wait))) {
                assert_eq!(pause_at(waited, of(wait)).unwrap().as_secs_f64(), pause);
                waited += Duration::from_secs_f64(pause);
            }
            assert_eq!(pause_at(waited, of(wait)), None, "{wait}");
        }
        let late = Duration::from_millis(4_100);
        assert_eq!(pause_at(late, of(60)), Some(of(3)));
        assert_eq!(pause_at(late, of(5)), Some(Duration::from_millis(900)));
        assert_eq!(pause_at(of(601), of(600)), None);
        assert_eq!(pause_at(Duration::ZERO, Duration::ZERO), None);
    }
}
