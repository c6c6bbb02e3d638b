//! The effects of the token store in the reference host.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use oge_token::timing::LOCK_BEAT;
use oge_token::{Guarded, Issued, Lock, LoginError, LoginTask, Spawn, StoreEffects};
use oge_tools::log::Event;
use oge_tools::token::{Token, TokenError};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout};

use super::directory::StateDirectory;
use super::{Authority, StoreTransport};
use crate::guest_log::LogSink;

const OPERATION: &str = "token-store";

/// The effects of the token store.
pub(super) struct Native {
    authority: Box<dyn Authority>,
    log: LogSink,
    started: Instant,
    /// The wall clock at `started`.
    started_at: Duration,
    login_lock: Arc<AsyncMutex<()>>,
}

impl Native {
    pub(super) fn new(authority: impl Authority, log: LogSink) -> Self {
        Self {
            authority: Box::new(authority),
            log,
            started: Instant::now(),
            started_at: wall_clock(),
            login_lock: Arc::new(AsyncMutex::new(())),
        }
    }

    /// Awaits `work` and meanwhile refreshes `lock`, so that no other process takes it over.
    async fn beating<T>(
        &self,
        lock: Option<&Lock<StateDirectory>>,
        work: impl Future<Output = T>,
    ) -> T {
        let Some(lock) = lock else { return work.await };
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(done) = timeout(LOCK_BEAT, work.as_mut()).await {
                return done;
            }
            lock.beat(self.now());
        }
    }
}

/// State that the tasks of a host share.
pub(super) struct Shared<T>(Mutex<T>);

impl<T> Guarded<T> for Shared<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Ignores poisoning: nothing panics while it holds the lock.
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the time since 1970; zero if the clock is before that.
#[expect(clippy::disallowed_methods, reason = "a shell: this is where time comes in")]
pub(crate) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl StoreEffects for Native {
    type Shared<T> = Shared<T>;
    type LoginLock = OwnedMutexGuard<()>;
    type Directory = StateDirectory;
    type Transport = StoreTransport;

    fn now(&self) -> Duration {
        self.started_at.saturating_add(self.started.elapsed())
    }

    async fn lock_login(&self) -> Self::LoginLock {
        Arc::clone(&self.login_lock).lock_owned().await
    }

    fn try_lock_login(&self) -> Option<Self::LoginLock> {
        Arc::clone(&self.login_lock).try_lock_owned().ok()
    }

    async fn pause(&self, time: Duration, lock: Option<&Lock<StateDirectory>>) {
        self.beating(lock, sleep(time)).await;
    }

    fn can_log_in(&self) -> bool {
        self.authority.can_log_in()
    }

    fn digest(&self, salt: &[u8]) -> String {
        self.authority.digest(salt)
    }

    async fn login(
        &self,
        limit: Duration,
        lock: Option<&Lock<StateDirectory>>,
    ) -> Result<Issued, LoginError> {
        let login = timeout(limit, self.authority.login());
        self.beating(lock, login).await.unwrap_or_else(|_| Err(self.authority.timed_out(limit)))
    }

    fn warn(&self, what: &str) {
        (self.log)(Event::Warning(what).line(OPERATION).trim_end());
    }

    fn info(&self, what: &str) {
        (self.log)(Event::Info(what).line(OPERATION).trim_end());
    }
}

impl Spawn for Native {
    fn spawn(
        &self,
        login: LoginTask<Self>,
    ) -> impl Future<Output = Option<Result<Token, TokenError>>> {
        tokio::spawn(login.run()).map(Result::ok)
    }
}
