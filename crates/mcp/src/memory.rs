//! Limits the memory for responses of all concurrent calls of an instance.
//!
//! A call holds a share from the first byte of a response until its result is written. Most shares come
//! from a pool. A call that needs more than is left in the pool waits for the only lane, which has room for
//! the largest response. The holder of the lane never waits for memory, so there is no deadlock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::RequestId;
use rmcp::service::RequestContext;
use send_wrapper::SendWrapper;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const KIB: usize = 1024;

/// The initial share of every call: enough for a response of about 20 KiB and its result.
const FIRST: usize = 128 * KIB;

/// The bytes that may be read but not counted yet.
const CHUNK: usize = 64 * KIB;

/// The memory that reading a response takes, as a multiple of its size: the response and what decoding,
/// escaping or parsing produces from it.
const READING: usize = 3;

/// The least limit of a response that memory is reserved for.
const MIN_RESPONSE: usize = KIB * KIB;

/// The memory of an instance: five times the largest response, of which one is the pool and four are the lane.
#[derive(Debug)]
pub struct Memory {
    max_response: usize,
    pool: Arc<Semaphore>,
    lane: Arc<Semaphore>,
    /// The shares of calls whose results are not written yet.
    unwritten: RefCell<HashMap<RequestId, Rc<Share>>>,
}

impl Memory {
    /// Reserves memory for responses of up to `max_reply_bytes`.
    #[must_use]
    pub fn new(max_reply_bytes: usize) -> Rc<Self> {
        let max_response = max_reply_bytes.max(MIN_RESPONSE);
        Rc::new(Self {
            max_response,
            pool: Arc::new(Semaphore::new(max_response / KIB)),
            lane: Arc::new(Semaphore::new(1)),
            unwritten: RefCell::default(),
        })
    }

    /// Returns the largest number of bytes that one call can hold.
    #[must_use]
    pub fn lane_bytes(&self) -> usize {
        self.max_response.saturating_mul(4)
    }

    /// Returns a share for a call, and keeps a clone until [`Memory::take_share`] or until the call has ended.
    /// Must be called in the server's runtime.
    #[must_use]
    pub fn share_of_call(self: &Rc<Self>, context: &RequestContext<RoleServer>) -> Rc<Share> {
        let share = self.share(&context.id);
        let unwritten = Unwritten { memory: Rc::clone(self), id: context.id.clone() };
        let ended = context.ct.clone();
        // The SDK cancels this token when it sends the result or drops the call. By then `Written` has taken the
        // share of a result that is being written.
        tokio::spawn(SendWrapper::new(async move {
            ended.cancelled().await;
            drop(unwritten);
        }));
        share
    }

    fn share(self: &Rc<Self>, id: &RequestId) -> Rc<Share> {
        let share = Share::new(self);
        let before = self.unwritten.borrow_mut().insert(id.clone(), Rc::clone(&share));
        drop(before);
        share
    }

    /// Removes and returns the share of the call `id`. Dropping its last clone frees the memory.
    pub fn take_share(&self, id: &RequestId) -> Option<Rc<Share>> {
        self.unwritten.borrow_mut().remove(id)
    }
}

/// Frees the share of a call on drop, even if the runtime ends before the call.
struct Unwritten {
    memory: Rc<Memory>,
    id: RequestId,
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        drop(self.memory.take_share(&self.id));
    }
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    pool: Option<OwnedSemaphorePermit>,
    lane: Option<OwnedSemaphorePermit>,
}

/// The memory that one call holds.
#[derive(Debug)]
pub struct Share {
    memory: Rc<Memory>,
    held: RefCell<Held>,
}

impl Share {
    /// Returns an empty share.
    #[must_use]
    pub fn new(memory: &Rc<Memory>) -> Rc<Self> {
        Rc::new(Self { memory: Rc::clone(memory), held: RefCell::default() })
    }

    /// Waits until this call holds at least `bytes` or the whole lane. Returns how many bytes it holds.
    pub async fn hold(&self, bytes: usize) -> usize {
        if self.held.borrow().bytes == 0 {
            let first = (FIRST / KIB).try_into().unwrap_or_default();
            // The pool is never closed.
            let first = Arc::clone(&self.memory.pool).acquire_many_owned(first).await.ok();
            let mut held = self.held.borrow_mut();
            (held.bytes, held.pool) = (FIRST, first);
        }
        if self.grow(bytes) {
            return self.held.borrow().bytes;
        }
        let lane = Arc::clone(&self.memory.lane).acquire_owned().await.ok();
        let mut held = self.held.borrow_mut();
        (held.bytes, held.lane) = (self.memory.lane_bytes(), lane);
        held.bytes
    }

    /// Waits until there is memory for a response of `bytes`. Returns how large the response may be.
    pub async fn hold_response(&self, bytes: usize) -> usize {
        let held = self.hold(bytes.saturating_mul(READING).saturating_add(CHUNK)).await;
        held.saturating_sub(CHUNK) / READING
    }

    /// Frees the memory that this call holds.
    pub fn release(&self) {
        drop(self.held.take());
    }

    /// Takes memory from the pool without waiting. Returns whether the call now holds at least `bytes`.
    fn grow(&self, bytes: usize) -> bool {
        let mut held = self.held.borrow_mut();
        if held.lane.is_some() || held.bytes >= bytes {
            return true;
        }
        let more = (bytes - held.bytes).div_ceil(KIB);
        let more = more
            .try_into()
            .ok()
            .and_then(|more| Arc::clone(&self.memory.pool).try_acquire_many_owned(more).ok());
        let Some(more) = more else { return false };
        held.bytes += more.num_permits() * KIB;
        match &mut held.pool {
            Some(pool) => pool.merge(more),
            none => *none = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    const MIB: usize = KIB * KIB;

    fn share(memory: &Rc<Memory>, id: i64) -> Rc<Share> {
        memory.share(&RequestId::Number(id))
    }

    fn now<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn small_responses_do_not_wait() {
        let memory = Memory::new(32 * MIB);
        let shares: Vec<_> = (0..256).map(|id| share(&memory, id)).collect();
        for share in &shares {
            assert!(now(pin!(share.hold_response(20 * KIB))).unwrap() >= 20 * KIB);
        }
        // The pool is empty.
        assert_eq!(now(pin!(share(&memory, 256).hold_response(0))), None);
    }

    #[test]
    fn a_response_of_the_largest_size_fits_the_lane() {
        for limit in [1, MIB, 32 * MIB] {
            let memory = Memory::new(limit);
            assert!(now(pin!(share(&memory, 1).hold_response(limit))).unwrap() >= limit);
        }
    }

    #[test]
    fn large_responses_use_the_lane_one_after_another() {
        let memory = Memory::new(32 * MIB);
        let shares: Vec<_> = (0..8).map(|id| share(&memory, id)).collect();
        let mut holding: Vec<_> =
            shares.iter().map(|share| Box::pin(share.hold_response(31 * MIB))).collect();
        for turn in 0..shares.len() {
            let done: Vec<_> =
                (turn..shares.len()).map(|at| now(holding[at].as_mut()).is_some()).collect();
            assert_eq!(done.iter().position(|done| *done), Some(0));
            assert_eq!(done.iter().filter(|done| **done).count(), 1, "{turn}");
            shares[turn].release();
        }
    }

    #[test]
    fn a_share_lasts_until_its_result_is_written() {
        let memory = Memory::new(32 * MIB);
        let first = share(&memory, 1);
        assert!(now(pin!(first.hold(100 * MIB))).is_some());
        drop(first);
        let second = share(&memory, 2);
        let mut waits = pin!(second.hold(100 * MIB));
        assert!(now(waits.as_mut()).is_none());
        drop(memory.take_share(&RequestId::Number(1)));
        assert!(now(waits).is_some());
        assert!(memory.take_share(&RequestId::Number(1)).is_none());
    }

    #[test]
    fn the_holder_of_the_lane_does_not_wait() {
        let memory = Memory::new(32 * MIB);
        let first = share(&memory, 1);
        assert_eq!(now(pin!(first.hold(60 * MIB))), Some(128 * MIB));
        assert_eq!(now(pin!(first.hold(500 * MIB))), Some(128 * MIB));
    }
}
