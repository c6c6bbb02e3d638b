//! Memory for responses, shared by all calls of an instance: a bound that holds whatever the responses are, and
//! however many come at once.
//!
//! A call holds a share from the first byte of a response until its result is written. Most shares come out
//! of a pool. A call that needs more than the pool has left waits for the lane, of which there is one, and
//! which has room for the largest response. The holder of the lane never waits for memory, so it ends, and
//! those that wait for it go on one after another: no two calls can wait for each other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use rmcp::model::RequestId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const KIB: usize = 1024;

/// The share with which every call begins: enough for a response of about 20 KiB and its result.
const FIRST: usize = 128 * KIB;

/// What was read and not yet counted.
const CHUNK: usize = 64 * KIB;

/// How much memory a response takes while it is read, as a multiple of its size: itself, and what decoding,
/// escaping or picking its fields makes of it.
const READING: usize = 3;

/// No bound is smaller, however small a response may be.
const MIN_RESPONSE: usize = KIB * KIB;

/// The memory of an instance. In all it hands out five times what a response may be: once in the pool, four
/// times in the lane.
#[derive(Debug)]
pub struct Memory {
    max_response: usize,
    pool: Arc<Semaphore>,
    lane: Arc<Semaphore>,
    /// The shares of calls whose results are not written yet.
    unwritten: RefCell<HashMap<RequestId, Rc<Share>>>,
}

impl Memory {
    /// Makes room for responses of up to `max_reply_bytes`.
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

    /// The most that one call can hold.
    #[must_use]
    pub fn lane_bytes(&self) -> usize {
        self.max_response.saturating_mul(4)
    }

    /// Returns a share for the call `id`, and keeps it until [`Memory::take_share`] takes it.
    #[must_use]
    pub fn share(self: &Rc<Self>, id: &RequestId) -> Rc<Share> {
        let share = Share::new(self);
        let before = self.unwritten.borrow_mut().insert(id.clone(), Rc::clone(&share));
        drop(before);
        share
    }

    /// Takes the share of the call `id`. It ends with the last who has it.
    pub fn take_share(&self, id: &RequestId) -> Option<Rc<Share>> {
        self.unwritten.borrow_mut().remove(id)
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
    /// A share of nothing yet.
    #[must_use]
    pub fn new(memory: &Rc<Memory>) -> Rc<Self> {
        Rc::new(Self { memory: Rc::clone(memory), held: RefCell::default() })
    }

    /// Returns how many bytes this call holds, once that is at least `bytes`, or the whole lane.
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

    /// Returns how long a response may be, once that is at least `bytes`.
    pub async fn hold_response(&self, bytes: usize) -> usize {
        let held = self.hold(bytes.saturating_mul(READING).saturating_add(CHUNK)).await;
        held.saturating_sub(CHUNK) / READING
    }

    /// Gives all back.
    pub fn release(&self) {
        drop(self.held.take());
    }

    /// Whether `bytes` are held already, or could be had from the pool at once.
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
    fn small_responses_wait_for_nobody() {
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
    fn large_responses_take_turns_and_each_ends() {
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
    fn who_has_the_lane_waits_no_more() {
        let memory = Memory::new(32 * MIB);
        let first = share(&memory, 1);
        assert_eq!(now(pin!(first.hold(60 * MIB))), Some(128 * MIB));
        assert_eq!(now(pin!(first.hold(500 * MIB))), Some(128 * MIB));
    }
}
