//! Measures how long the machine delayed this runtime, so that a busy machine does not count as a slow host.
//!
//! A task ticks on the only thread of the test. A late tick shows for how long the thread did not run or ran
//! other tasks. Everything that waited on this thread was delayed as well.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The time between two ticks.
const PERIOD: Duration = Duration::from_millis(5);

/// A tick that is late by less is on time: the timer has a resolution of milliseconds.
const FINE: Duration = Duration::from_millis(5);

/// Measures from its start to its drop.
pub(super) struct Pace {
    ticks: Rc<Ticks>,
    ticking: JoinHandle<()>,
}

struct Ticks {
    last: Cell<Instant>,
    /// When each late tick was due, and when it came.
    late: RefCell<Vec<(Instant, Instant)>>,
}

impl Pace {
    /// Starts to measure. Must be called inside a `LocalSet`.
    pub(super) fn start() -> Self {
        let ticks = Rc::new(Ticks { last: Cell::new(Instant::now()), late: RefCell::default() });
        let ticked = Rc::clone(&ticks);
        let ticking = tokio::task::spawn_local(async move {
            loop {
                sleep(PERIOD).await;
                let now = Instant::now();
                ticked.late.borrow_mut().extend(ticked.lateness(now));
                ticked.last.set(now);
            }
        });
        Self { ticks, ticking }
    }

    /// Returns for how much of the time between these two instants the thread was delayed.
    pub(super) fn held_up(&self, from: Instant, to: Instant) -> Duration {
        let late = self.ticks.late.borrow();
        let late = late.iter().copied().chain(self.ticks.lateness(Instant::now()));
        late.map(|(begun, ended)| ended.min(to).saturating_duration_since(begun.max(from))).sum()
    }
}

impl Ticks {
    /// Returns the due time of the next tick and `now`, if that tick is late.
    fn lateness(&self, now: Instant) -> Option<(Instant, Instant)> {
        let due = self.last.get() + PERIOD;
        (now > due + FINE).then_some((due, now))
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}
