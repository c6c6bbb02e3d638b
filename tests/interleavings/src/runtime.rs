//! In the place of the host's `runtime`: each lock, task and pause is a point at which another may run,
//! and time passes only while somebody sleeps.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;

pub use futures_util::lock::{Mutex as AsyncMutex, OwnedMutexGuard as AsyncGuard};
pub use shuttle::sync::Mutex;

/// The guard; `None` if another task has it.
#[must_use]
pub fn try_lock<T>(mutex: &Arc<AsyncMutex<T>>) -> Option<AsyncGuard<T>> {
    mutex.try_lock_owned()
}

thread_local! {
    /// Shuttle runs all tasks of an execution on one thread.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// The store's tasks that have not ended.
    static TASKS: Cell<usize> = const { Cell::new(0) };
    /// Who waits for their end.
    static WAITING: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// A moment.
#[derive(Clone, Copy, Debug)]
pub struct Instant(Duration);

impl Instant {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        Self(NOW.get())
    }

    /// Since then.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        NOW.get().saturating_sub(self.0)
    }
}

/// Since 1970.
#[must_use]
pub fn wall_clock() -> Duration {
    Duration::from_secs(1_700_000_000) + NOW.get()
}

/// Lets time pass.
pub fn pass(time: Duration) {
    NOW.set(NOW.get() + time);
}

/// Lets time pass. Nobody else need run for that: whoever waits here has let go of the lock.
pub async fn sleep(time: Duration) {
    pass(time);
}

/// Waits until no task of the store's is left.
pub async fn idle() {
    poll_fn(|context| {
        if TASKS.get() == 0 {
            return Poll::Ready(());
        }
        WAITING.with_borrow_mut(|waiting| waiting.push(context.waker().clone()));
        Poll::Pending
    })
    .await;
}

/// No login here takes long.
///
/// # Errors
/// Never.
pub async fn timeout<F: Future>(_limit: Duration, task: F) -> Result<F::Output, ()> {
    Ok(task.await)
}

/// Runs a task; what comes back says whether it ended or broke off.
pub fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Result<T, ()>> + Send {
    TASKS.set(TASKS.get() + 1);
    let task = AssertUnwindSafe(task).catch_unwind().inspect(|_| {
        TASKS.set(TASKS.get() - 1);
        WAITING.take().into_iter().for_each(Waker::wake);
    });
    shuttle::future::spawn(task).map(|ended| ended.map_err(drop)?.map_err(drop))
}
