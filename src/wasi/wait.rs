//! Waiting for a pollable until a deadline. Only this part of the shell differs between components.

use alloc::rc::Rc;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{Pollable, poll};

/// The deadline of an attempt, with its timer.
#[derive(Debug)]
pub struct Deadline {
    started: u64,
    at: u64,
    timer: Rc<Pollable>,
}

impl Deadline {
    /// Returns a deadline `timeout` from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        let started = monotonic_clock::now();
        let at = started.saturating_add(nanos(timeout));
        Self { started, at, timer: Rc::new(monotonic_clock::subscribe_instant(at)) }
    }

    /// Returns whether the deadline has passed.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        monotonic_clock::now() >= self.at
    }

    /// Returns the time until the deadline.
    #[must_use]
    pub fn left(&self) -> Duration {
        Duration::from_nanos(self.at.saturating_sub(monotonic_clock::now()))
    }

    /// Returns the time since the deadline was set.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now().saturating_sub(self.started))
    }

    /// Returns a pollable that is ready when the deadline has passed.
    #[must_use]
    pub fn timer(&self) -> &Rc<Pollable> {
        &self.timer
    }
}

/// Returns a duration in nanoseconds, the unit of WASI.
pub(super) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

/// Waits for pollables.
///
/// A pollable is passed in an `Rc`, so that a reactor can hold it while a task sleeps. The reactor must
/// release it when the future ends or is dropped, because a pollable must be dropped before its parent.
pub trait Wait {
    /// Returns true when `pollable` is ready, or false when the deadline has passed before that.
    fn ready(&self, pollable: &Rc<Pollable>, deadline: &Deadline) -> impl Future<Output = bool>;

    /// Returns how many bytes of a body may be held, when that is at least `bytes`. `None` if the deadline
    /// passes first. The default has no bound on memory.
    fn room(&self, bytes: usize, deadline: &Deadline) -> impl Future<Output = Option<usize>> {
        let _ = (bytes, deadline);
        core::future::ready(Some(usize::MAX))
    }

    /// Returns when the deadline has passed.
    fn until(&self, deadline: &Deadline) -> impl Future<Output = ()> {
        async { while !self.ready(deadline.timer(), deadline).await {} }
    }
}

impl<W: Wait> Wait for &W {
    fn ready(&self, pollable: &Rc<Pollable>, deadline: &Deadline) -> impl Future<Output = bool> {
        (*self).ready(pollable, deadline)
    }

    fn room(&self, bytes: usize, deadline: &Deadline) -> impl Future<Output = Option<usize>> {
        (*self).room(bytes, deadline)
    }
}

/// Waits in the host. Nothing else runs in the component meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Blocking;

impl Wait for Blocking {
    async fn ready(&self, pollable: &Rc<Pollable>, deadline: &Deadline) -> bool {
        poll(&[pollable, deadline.timer()]).contains(&0)
    }
}

/// Runs a future that waits only through [`Blocking`], which never leaves it pending.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
