//! When the machine has held this runtime up, so that a busy machine is not taken for a slow host.
//!
//! A task that only ticks shares the one thread of the test with all that is measured. A tick that comes
//! late shows that the thread did not run, or had others to serve first, and for how long: nothing that
//! waited on this thread meanwhile could be in time, whatever it is.

use std::cell::{Cell, RefCell};
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
    ticks: Rc<Ticks>,
    ticking: JoinHandle<()>,
}

struct Ticks {
    last: Cell<Instant>,
    /// From when to when a tick was late.
    late: RefCell<Vec<(Instant, Instant)>>,
}

impl Pace {
    /// To be called inside a `LocalSet`.
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

    /// For how much of the time between these two moments the thread was held up.
    pub(super) fn held_up(&self, from: Instant, to: Instant) -> Duration {
        let late = self.ticks.late.borrow();
        let late = late.iter().copied().chain(self.ticks.lateness(Instant::now()));
        late.map(|(begun, ended)| ended.min(to).saturating_duration_since(begun.max(from))).sum()
    }
}

impl Ticks {
    /// The tick that is due, where it is late by now.
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
