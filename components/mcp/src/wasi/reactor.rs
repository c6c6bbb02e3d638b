//! Waiting without holding anybody up: tasks leave their pollable and their waker here, and where no
//! task can go on the runtime parks in [`park`], in one `wasi:io/poll` for all of them.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use oge_token_store::wasi::Turns;
use oge_tools::wasi::wait::{Deadline, Wait};
use slab::Slab;
use tokio::sync::{Mutex, OwnedMutexGuard};
use wasip2::io::poll::{Pollable, poll};

use crate::memory::{Memory, Share};

thread_local! {
    static WAITING: RefCell<Slab<Waiting>> = const { RefCell::new(Slab::new()) };
}

struct Waiting {
    pollable: Rc<Pollable>,
    waker: Waker,
    is_ready: bool,
}

/// Blocks until a pollable is ready, and wakes whoever waits for it. Where nobody waits it returns at
/// once.
pub fn park() {
    let woken: Vec<Waker> = WAITING.with_borrow_mut(|waiting| {
        let asked: Vec<_> = waiting.iter().filter(|(_, waiting)| !waiting.is_ready).collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let pollables: Vec<_> = asked.iter().map(|(_, waiting)| &*waiting.pollable).collect();
        let ready = poll(&pollables).into_iter().filter_map(|index| asked.get(index as usize));
        let ready: Vec<_> = ready.map(|(key, _)| *key).collect();
        let wakers = ready.into_iter().filter_map(|key| {
            let waiting = waiting.get_mut(key)?;
            waiting.is_ready = true;
            Some(waiting.waker.clone())
        });
        wakers.collect()
    });
    // Outside the borrow: a waker may do anything.
    woken.into_iter().for_each(Waker::wake);
}

/// Ready once its pollable is. Dropped, it lets go of it.
#[derive(Debug)]
pub struct Ready {
    pollable: Rc<Pollable>,
    key: Option<usize>,
}

impl Ready {
    /// Waits for `pollable`.
    #[must_use]
    pub fn of(pollable: &Rc<Pollable>) -> Self {
        Self { pollable: Rc::clone(pollable), key: None }
    }
}

impl Future for Ready {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker().clone();
        // Dropped outside the borrow, like every waker: with it a task may go, and what that waits for.
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

/// How the tasks of this instance wait, take turns at the login, and share memory. Clones share both.
#[derive(Clone, Debug)]
pub struct Reactor {
    turns: Arc<Mutex<()>>,
    /// The memory that calls share.
    pub memory: Rc<Memory>,
}

impl Reactor {
    /// A reactor whose calls share memory for responses of so many bytes.
    #[must_use]
    pub fn new(max_reply_bytes: usize) -> Self {
        Self { turns: Arc::default(), memory: Memory::new(max_reply_bytes) }
    }
}

impl Default for Reactor {
    fn default() -> Self {
        Self::new(32 << 20)
    }
}

/// How one call waits: like all, and for its share of the memory.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// How all calls wait.
    pub reactor: Reactor,
    /// What this call holds.
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

impl Turns for Reactor {
    type Turn = OwnedMutexGuard<()>;

    async fn turn(&self) -> Self::Turn {
        Arc::clone(&self.turns).lock_owned().await
    }

    fn try_turn(&self) -> Option<Self::Turn> {
        Arc::clone(&self.turns).try_lock_owned().ok()
    }
}
