//! Measures a call's CPU time as the time spent inside `Future::poll`: the guest's time and that of the host's
//! functions that it calls. A guest that waits is not polled. Its requests are tasks of their own and not counted.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::limits::LimitExceeded;

/// Runs `call`, and stops it after `limit` of CPU time. A running guest yields at every epoch tick, so the
/// limit is checked at least that often. A future that never yields cannot be stopped.
#[expect(clippy::disallowed_methods, reason = "measures a guest's CPU time")]
pub(crate) async fn metered<T>(
    limit: Duration,
    call: impl Future<Output = T>,
) -> Result<T, LimitExceeded> {
    let mut call = pin!(call);
    let mut spent = Duration::ZERO;
    poll_fn(|context| {
        let since = Instant::now();
        let polled = call.as_mut().poll(context);
        spent += since.elapsed();
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if spent > limit => Poll::Ready(Err(LimitExceeded::Cpu(limit))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);

    #[expect(clippy::disallowed_methods, reason = "measures real time")]
    fn run_for(time: Duration) {
        let since = Instant::now();
        while since.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn time_adds_up_over_all_polls() {
        let endless = async {
            loop {
                run_for(LIMIT / 4);
                yield_now().await;
            }
        };
        assert_eq!(metered::<()>(LIMIT, endless).await, Err(LimitExceeded::Cpu(LIMIT)));
    }

    #[tokio::test]
    async fn the_time_of_other_tasks_is_not_counted() {
        let yields = async {
            for _ in 0..4 {
                yield_now().await;
            }
        };
        let others = async {
            for _ in 0..4 {
                run_for(LIMIT);
                yield_now().await;
            }
        };
        let (metered, ()) = tokio::join!(metered(LIMIT, yields), others);
        assert_eq!(metered, Ok(()));
    }
}
