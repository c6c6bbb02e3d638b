//! The reactor: tasks register their pollables and wakers here. When no task can run, the runtime parks in
//! [`park`], which waits for all of them with one `wasi:io/poll`.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use oge_mcp_server::memory::{Memory, Share};
use oge_token_store::wasi::LoginLocks;
use oge_tools::settings::DEFAULT_MAX_REPLY_BYTES;
use oge_tools::wasi::wait::{Deadline, Wait};
use slab::Slab;
use tokio::sync::{Mutex, OwnedMutexGuard};
use wasip2::io::poll::{Pollable, poll};

thread_local! {
    static WAITING: RefCell<Slab<Waiting>> = const { RefCell::new(Slab::new()) };
}

struct Waiting {
    pollable: Rc<Pollable>,
    waker: Waker,
    is_ready: bool,
}

/// Blocks until a pollable is ready, and wakes the tasks that wait for it. Returns at once if no task waits.
pub fn park() {
    let woken: Vec<Waker> = WAITING.with_borrow_mut(|waiting| {
        let pending: Vec<_> = waiting.iter().filter(|(_, waiting)| !waiting.is_ready).collect();
        if pending.is_empty() {
            return Vec::new();
        }
        let pollables: Vec<_> = pending.iter().map(|(_, waiting)| &*waiting.pollable).collect();
        let ready = poll(&pollables).into_iter().filter_map(|index| pending.get(index as usize));
        let ready: Vec<_> = ready.map(|(key, _)| *key).collect();
        let wakers = ready.into_iter().filter_map(|key| {
            let waiting = waiting.get_mut(key)?;
            waiting.is_ready = true;
            Some(waiting.waker.clone())
        });
        wakers.collect()
    });
    // Outside the borrow, because a waker may run any code.
    woken.into_iter().for_each(Waker::wake);
}

/// A future that is ready when its pollable is.
#[derive(Debug)]
pub struct Ready {
    pollable: Rc<Pollable>,
    key: Option<usize>,
}

impl Ready {
    /// Returns a future that waits for `pollable`.
    #[must_use]
    pub fn of(pollable: &Rc<Pollable>) -> Self {
        Self { pollable: Rc::clone(pollable), key: None }
    }
}

impl Future for Ready {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker().clone();
        // The old waker is dropped outside the borrow, because that may drop a task and its `Ready` futures.
        let before = WAITING.with_borrow_mut(|all| {
            if let Some(waiting) = self.key.and_then(|key| all.get_mut(key)) {
                return Some((waiting.is_ready, std::mem::replace(&mut waiting.waker, waker)));
            }
            let pollable = Rc::clone(&self.pollable);
            self.key = Some(all.insert(Waiting { pollable, waker, is_ready: false }));
            None
        });
        match before {
            Some((true, _)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waiting = WAITING.with_borrow_mut(|all| all.try_remove(key));
            drop(waiting);
        }
    }
}

/// Lets the tasks of this instance wait, lock the login, and share memory. Clones share the lock and the
/// memory.
#[derive(Clone, Debug)]
pub struct Reactor {
    login_lock: Arc<Mutex<()>>,
    /// The memory that calls share.
    pub memory: Rc<Memory>,
}

impl Reactor {
    /// Returns a reactor with memory for responses of up to `max_reply_bytes`.
    #[must_use]
    pub fn new(max_reply_bytes: usize) -> Self {
        Self { login_lock: Arc::default(), memory: Memory::new(max_reply_bytes) }
    }
}

impl Default for Reactor {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_REPLY_BYTES)
    }
}

/// How one call waits: in the reactor, and for its share of the memory.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// The reactor of all calls.
    pub reactor: Reactor,
    /// The memory that this call holds.
    pub share: Rc<Share>,
}

impl Wait for Sharing {
    async fn ready(&self, pollable: &Rc<Pollable>, deadline: &Deadline) -> bool {
        self.reactor.ready(pollable, deadline).await
    }

    async fn room(&self, bytes: usize, deadline: &Deadline) -> Option<usize> {
        tokio::select! {
            biased;
            room = self.share.hold_response(bytes) => Some(room),
            () = Ready::of(deadline.timer()) => None,
        }
    }
}

impl Wait for Reactor {
    async fn ready(&self, pollable: &Rc<Pollable>, deadline: &Deadline) -> bool {
        tokio::select! {
            biased;
            () = Ready::of(pollable) => true,
            () = Ready::of(deadline.timer()) => false,
        }
    }
}

impl LoginLocks for Reactor {
    type LoginLock = OwnedMutexGuard<()>;

    async fn lock_login(&self) -> Self::LoginLock {
        Arc::clone(&self.login_lock).lock_owned().await
    }

    fn try_lock_login(&self) -> Option<Self::LoginLock> {
        Arc::clone(&self.login_lock).try_lock_owned().ok()
    }
}
