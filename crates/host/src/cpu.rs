//! How long a guest runs. What runs is being polled, and what waits is not: so the time inside
//! `poll` is the guest's time, and the host's work on its behalf, and nothing else.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::limits::Stopped;

/// Ends `call` once it has run for longer than `limit`. A running guest yields at every tick of its
/// engine, so it comes by here at least that often; a future that never yields cannot be ended.
#[expect(clippy::disallowed_methods, reason = "measuring a guest's time is this host's work")]
pub(crate) async fn metered<T>(
    limit: Duration,
    call: impl Future<Output = T>,
) -> Result<T, Stopped> {
    let mut call = pin!(call);
    let mut spent = Duration::ZERO;
    poll_fn(|context| {
        let since = Instant::now();
        let polled = call.as_mut().poll(context);
        spent += since.elapsed();
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if spent > limit => Poll::Ready(Err(Stopped::Cpu(limit))),
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

    #[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
    fn run_for(time: Duration) {
        let since = Instant::now();
        while since.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn time_adds_up_over_every_stretch_between_waits() {
        let endless = async {
            loop {
                run_for(LIMIT / 4);
                yield_now().await;
            }
        };
        assert_eq!(metered::<()>(LIMIT, endless).await, Err(Stopped::Cpu(LIMIT)));
    }

    #[tokio::test]
    async fn what_others_run_meanwhile_is_not_counted() {
        let turns = async {
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
        let (metered, ()) = tokio::join!(metered(LIMIT, turns), others);
        assert_eq!(metered, Ok(()));
    }
}
