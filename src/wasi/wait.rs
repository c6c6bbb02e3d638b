//! Waiting for a pollable until a deadline: the one thing in which the components differ.

use alloc::rc::Rc;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{Pollable, poll};

/// When an attempt ends, and the one timer that says so.
#[derive(Debug)]
pub struct Deadline {
    started: u64,
    at: u64,
    timer: Rc<Pollable>,
}

impl Deadline {
    /// A deadline `timeout` from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        let started = monotonic_clock::now();
        let at = started.saturating_add(nanos(timeout));
        Self { started, at, timer: Rc::new(monotonic_clock::subscribe_instant(at)) }
    }

    /// Whether it is over.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        monotonic_clock::now() >= self.at
    }

    /// How long until then.
    #[must_use]
    pub fn left(&self) -> Duration {
        Duration::from_nanos(self.at.saturating_sub(monotonic_clock::now()))
    }

    /// How long ago it was set.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now().saturating_sub(self.started))
    }

    /// Ready once the deadline has passed.
    #[must_use]
    pub fn timer(&self) -> &Rc<Pollable> {
        &self.timer
    }
}

/// A duration as WASI counts it.
pub(super) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

/// How a component waits.
///
/// A pollable is handed over counted, so that a reactor can hold it while a task sleeps; it must let
/// go of it when the future ends or is dropped, since a pollable has to go before its parent.
pub trait Wait {
    /// Returns once `pollable` is ready (true), or the deadline has passed before it (false).
    fn ready(&self, pollable: &Rc<Pollable>, deadline: &Deadline) -> impl Future<Output = bool>;

    /// Returns how many bytes of a body may be held, once that is at least `bytes`; `None` if the deadline
    /// passes first. Without a bound on memory that is any number.
    fn room(&self, bytes: usize, deadline: &Deadline) -> impl Future<Output = Option<usize>> {
        let _ = (bytes, deadline);
        core::future::ready(Some(usize::MAX))
    }

    /// Returns once the deadline has passed.
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

/// Waits in the host: nothing else happens in the component meanwhile.
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
