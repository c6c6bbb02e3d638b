//! How long the machine has held this runtime up, so that a busy machine is not taken for a slow host.
//!
//! A task that only ticks shares the one thread of the test with all that is measured. A tick that comes
//! late shows that the thread did not run, or had others to serve first, and for how long: nothing that
//! waited on this thread meanwhile could be in time, whatever it is. That time is allowed to a call that
//! it fell into, and no other.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// How often it ticks.
const PERIOD: Duration = Duration::from_millis(5);

/// What a tick may be late by and still not be late: the timer counts milliseconds.
const FINE: Duration = Duration::from_millis(5);

/// Measures from its start to its drop.
pub(super) struct Pace {
    state: Rc<State>,
    ticking: JoinHandle<()>,
}

struct State {
    last: Cell<Instant>,
    held_up: Cell<Duration>,
}

/// A moment, and what there was of delay before it.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    at: Instant,
    held_up: Duration,
}

impl Pace {
    /// To be called inside a `LocalSet`.
    pub(super) fn start() -> Self {
        let state =
            Rc::new(State { last: Cell::new(Instant::now()), held_up: Cell::new(Duration::ZERO) });
        let ticked = Rc::clone(&state);
        let ticking = tokio::task::spawn_local(async move {
            loop {
                sleep(PERIOD).await;
                let now = ticked.now();
                ticked.held_up.set(now.held_up);
                ticked.last.set(now.at);
            }
        });
        Self { state, ticking }
    }

    pub(super) fn now(&self) -> Moment {
        self.state.now()
    }

    /// The time since then, and how much of it the machine took.
    pub(super) fn since(&self, then: Moment) -> (Duration, Duration) {
        let now = self.now();
        (now.at - then.at, now.held_up.saturating_sub(then.held_up))
    }
}

impl State {
    fn now(&self) -> Moment {
        let at = Instant::now();
        let gap = at - self.last.get();
        let late = if gap > PERIOD + FINE { gap - PERIOD } else { Duration::ZERO };
        Moment { at, held_up: self.held_up.get() + late }
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}
