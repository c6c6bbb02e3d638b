//! The requests of one call, which make headway whenever the call waits, in the call's own task.
//!
//! A task for each of them could be run by another thread, and then one thread falls asleep and another is
//! woken at every step of a request: that takes longer than the step.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt as _};
use slab::Slab;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;

use crate::outgoing::Sent;

/// The requests of one call. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<Slab<Request>>>);

enum Request {
    Sending(BoxFuture<'static, Sent>),
    Answered(Sent),
    Taken,
}

/// One of them, as a guest holds it. Dropped, it ends.
pub(crate) struct InFlight {
    requests: Requests,
    key: usize,
}

/// What came of a request was asked for before.
pub(crate) struct Taken;

impl Requests {
    /// A request that is sent once [`Requests::during`] comes by.
    pub(crate) fn begin(&self, sent: impl Future<Output = Sent> + Send + 'static) -> InFlight {
        let key = self.lock().insert(Request::Sending(sent.boxed()));
        InFlight { requests: self.clone(), key }
    }

    /// Runs `call`, and whenever it waits or a tick interrupts it, the requests that it has begun.
    pub(crate) async fn during<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        poll_fn(|context| {
            self.poll(context);
            if let Poll::Ready(output) = call.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            // An answer may be what the call waits for, but its limits and other calls come first: a guest
            // can begin requests that are answered at once, and never end.
            if self.poll(context) {
                context.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }

    /// Whether one was answered.
    fn poll(&self, context: &mut Context<'_>) -> bool {
        let mut is_answered = false;
        for (_, request) in self.lock().iter_mut() {
            if let Request::Sending(sent) = request
                && let Poll::Ready(sent) = sent.poll_unpin(context)
            {
                *request = Request::Answered(sent);
                is_answered = true;
            }
        }
        is_answered
    }

    fn lock(&self) -> MutexGuard<'_, Slab<Request>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// What came of it, once; none while it is being sent.
    pub(crate) fn take(&self) -> Option<Result<Sent, Taken>> {
        let mut requests = self.requests.lock();
        match requests.get_mut(self.key) {
            Some(Request::Sending(_)) => None,
            request => match request.map(|request| mem::replace(request, Request::Taken)) {
                Some(Request::Answered(sent)) => Some(Ok(sent)),
                _ => Some(Err(Taken)),
            },
        }
    }

    fn is_sending(&self) -> bool {
        matches!(self.requests.lock().get(self.key), Some(Request::Sending(_)))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.requests.lock().try_remove(self.key);
    }
}

#[async_trait]
impl Pollable for InFlight {
    /// Nobody is woken: [`Requests::during`] polls the call again after an answer. That takes a guest whose
    /// waits are polled with its call, as they are while the engine's concurrency is off.
    async fn ready(&mut self) {
        poll_fn(|_| if self.is_sending() { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;
    use wasmtime_wasi_http::Error;

    use super::*;

    /// What hangs fails.
    async fn in_time<T>(future: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(10), future).await.unwrap()
    }

    #[tokio::test]
    async fn a_request_makes_headway_while_its_call_waits_for_something_else() {
        let requests = Requests::default();
        let (sent, is_sent) = oneshot::channel();
        let call = async {
            let _in_flight = requests.begin(async move {
                sent.send(()).unwrap();
                pending().await
            });
            is_sent.await.unwrap();
        };
        in_time(requests.during(call)).await;
    }

    #[tokio::test]
    async fn what_came_of_a_request_is_told_once_and_after_it_came() {
        let requests = Requests::default();
        let (answer, answered) = oneshot::channel();
        let call = async {
            let mut in_flight = requests.begin(async {
                answered.await.unwrap();
                Err(Error::ConnectionRefused)
            });
            assert!(in_flight.take().is_none());
            answer.send(()).unwrap();
            in_flight.ready().await;
            assert!(matches!(in_flight.take(), Some(Ok(Err(Error::ConnectionRefused)))));
            assert!(matches!(in_flight.take(), Some(Err(Taken))));
        };
        in_time(requests.during(call)).await;
    }

    #[tokio::test]
    async fn a_request_that_is_let_go_of_ends_at_once_and_no_other_does() {
        let requests = Requests::default();
        let (held, is_held) = oneshot::channel::<()>();
        let (other, is_other_held) = oneshot::channel::<()>();
        let begin = |held: oneshot::Sender<()>| {
            requests.begin(async move {
                let _held = held;
                pending().await
            })
        };
        let (in_flight, _other) = (begin(held), begin(other));
        drop(in_flight);
        assert!(is_held.await.is_err());
        let mut is_other_held = pin!(is_other_held);
        requests
            .during(async { assert!(futures_util::poll!(&mut is_other_held).is_pending()) })
            .await;
    }
}
