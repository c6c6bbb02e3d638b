//! StoreEffects on shuttle: each lock and each login is a point at which another task may run, and time passes
//! only when a test or a pause makes it pass.

use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::etcd::MockEtcd;
use futures_util::FutureExt as _;
use futures_util::lock::{Mutex as AsyncMutex, OwnedMutexGuard};
use oge_token::{
    Directory, Entry, Etcd, EtcdSettings, FileError, Guarded, Issued, Lock, LoginError, LoginTask,
    Medium, Spawn, StoreEffects, Write,
};
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError};
use shuttle::future::yield_now;
use zeroize::Zeroizing;

/// The longest time between two looks at etcd's lock.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// How a login ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Login {
    Issues,
    Rejects,
    Fails,
    Panics,
    /// Issues a token once the sleepers are woken.
    Sleeps,
}

/// One machine of a world with one authority. It answers as scripted, the last response for ever.
#[derive(Clone)]
pub(crate) struct World {
    script: &'static [Login],
    pub(crate) seen: Arc<Seen>,
    pub(crate) etcd: MockEtcd,
    login_lock: Arc<AsyncMutex<()>>,
    is_awake: Arc<AtomicBool>,
    /// How far this machine's clock is ahead.
    ahead: Duration,
}

/// What happened so far.
#[derive(Default)]
pub(crate) struct Seen {
    millis: AtomicU64,
    pub(crate) logins: AtomicUsize,
    pub(crate) in_flight: AtomicUsize,
    /// The store's tasks that have not ended.
    tasks: AtomicUsize,
    /// Wait for the end of those.
    waiting: Mutex<Vec<Waker>>,
    pub(crate) warnings: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn new(script: &'static [Login]) -> Self {
        let seen: Arc<Seen> = Arc::default();
        let (clock, passed) = (Arc::clone(&seen), Arc::clone(&seen));
        let etcd = MockEtcd::new(move || clock.now(), move |time| passed.pass(time));
        Self {
            script,
            seen,
            etcd,
            login_lock: Arc::default(),
            is_awake: Arc::default(),
            ahead: Duration::ZERO,
        }
    }

    /// Returns another machine, whose clock is ahead.
    pub(crate) fn machine(&self, ahead: Duration) -> Self {
        Self { login_lock: Arc::default(), ahead, ..self.clone() }
    }

    /// Ends the logins that sleep.
    pub(crate) fn wake_sleepers(&self) {
        self.is_awake.store(true, SeqCst);
        self.etcd.notify();
    }

    /// Returns the etcd that all machines share.
    pub(crate) fn shared(&self) -> Medium<Self> {
        let get =
            |key: &str| (key == "OGE_TOKEN_ETCD").then(|| "http://a:2379,http://b:2379".to_owned());
        let settings = EtcdSettings::read(get).unwrap().unwrap();
        Medium::Etcd(Etcd::new(settings, "me", self.etcd.clone()))
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.seen.pass(time);
        self.etcd.notify();
    }

    /// Waits until the store has no task left.
    pub(crate) async fn idle(&self) {
        poll_fn(|context| {
            if self.seen.tasks.load(SeqCst) == 0 {
                return Poll::Ready(());
            }
            self.seen.waiting.lock().unwrap().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Seen {
    fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.millis.fetch_add(millis, SeqCst);
    }

    pub(crate) fn now(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + Duration::from_millis(self.millis.load(SeqCst))
    }
}

/// A login under way, until it ends, however that is.
struct InFlight<'a>(&'a Seen);

impl<'a> InFlight<'a> {
    fn new(seen: &'a Seen) -> Self {
        assert_eq!(seen.in_flight.fetch_add(1, SeqCst), 0, "two logins at a time");
        Self(seen)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
    }
}

/// What the tasks share.
pub(crate) struct Shared<T>(shuttle::sync::Mutex<T>);

impl<T> Guarded<T> for Shared<T> {
    fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }
}

impl StoreEffects for World {
    type Shared<T> = Shared<T>;
    type LoginLock = OwnedMutexGuard<()>;
    type Directory = NoDirectory;
    type Transport = MockEtcd;

    fn now(&self) -> Duration {
        self.seen.now() + self.ahead
    }

    async fn lock_login(&self) -> Self::LoginLock {
        Arc::clone(&self.login_lock).lock_owned().await
    }

    fn try_lock_login(&self) -> Option<Self::LoginLock> {
        self.login_lock.try_lock_owned()
    }

    /// A wait for etcd's lock ends when something changes. Any other pause needs no other task.
    async fn pause(&self, time: Duration, _lock: Option<&Lock<NoDirectory>>) {
        if time <= LONGEST_LOOK && self.etcd.with(|cluster| cluster.is_locked()) {
            self.etcd.changed().await;
        } else {
            self.pass(time);
        }
    }

    fn can_log_in(&self) -> bool {
        true
    }

    fn digest(&self, _salt: &[u8]) -> String {
        String::new()
    }

    async fn login(
        &self,
        _limit: Duration,
        _lock: Option<&Lock<NoDirectory>>,
    ) -> Result<Issued, LoginError> {
        let number = self.seen.logins.fetch_add(1, SeqCst);
        if self.script.get(number) == Some(&Login::Sleeps) {
            while !self.is_awake.load(SeqCst) {
                self.etcd.changed().await;
            }
        }
        let _in_flight = InFlight::new(&self.seen);
        yield_now().await;
        match self.script[number.min(self.script.len() - 1)] {
            Login::Issues | Login::Sleeps => Ok(Issued {
                authorization: Secret::new(format!("Bearer {number}")),
                expires_in: Some(3600),
                claims: Claims::default(),
            }),
            Login::Rejects => Err(LoginError::Rejected { why: "no".to_owned(), tries_left: None }),
            Login::Fails => {
                Err(LoginError::Unavailable { why: "down".to_owned(), retry_after: None })
            }
            // Without the panic hook, which would end the exploration.
            Login::Panics => resume_unwind(Box::new(())),
        }
    }

    fn warn(&self, what: &str) {
        self.seen.warnings.lock().unwrap().push(what.to_owned());
    }

    fn info(&self, what: &str) {
        self.warn(what);
    }
}

impl Spawn for World {
    fn spawn(
        &self,
        login: LoginTask<Self>,
    ) -> impl Future<Output = Option<Result<Token, TokenError>>> {
        let seen = Arc::clone(&self.seen);
        seen.tasks.fetch_add(1, SeqCst);
        // A panic of a task would end the exploration.
        let task = AssertUnwindSafe(login.run()).catch_unwind().inspect(move |_| {
            seen.tasks.fetch_sub(1, SeqCst);
            let waiting = mem::take(&mut *seen.waiting.lock().unwrap());
            waiting.into_iter().for_each(Waker::wake);
        });
        shuttle::future::spawn(task).map(|ended| ended.ok()?.ok())
    }
}

/// There is no token file.
#[derive(Clone)]
pub(crate) enum NoDirectory {}

impl Directory for NoDirectory {
    fn entry(&self, _name: &str) -> Result<Entry, FileError> {
        match *self {}
    }

    fn read(&self, _name: &str, _limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        match *self {}
    }

    fn write(&self, _name: &str, _bytes: &[u8], _how: Write) -> Result<(), FileError> {
        match *self {}
    }

    fn rename(&self, _from: &str, _to: &str) -> Result<(), FileError> {
        match *self {}
    }

    fn remove(&self, _name: &str) -> Result<(), FileError> {
        match *self {}
    }
}
