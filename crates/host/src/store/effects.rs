//! What the store touches, in the reference host.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use oge_token::timing::LOCK_BEAT;
use oge_token::{Guarded, Issued, Lock, LoginError, StoreEffects, TokenFile};

use super::Authority;
use super::directory::StateDirectory;
use crate::guest_log::LogSink;
use crate::runtime::{
    AsyncGuard, AsyncMutex, Instant, Mutex, sleep, timeout, try_lock, wall_clock,
};

/// What the store touches.
pub(super) struct Native {
    authority: Box<dyn Authority>,
    warn: LogSink,
    started: Instant,
    /// The wall clock then.
    started_at: Duration,
    turns: Arc<AsyncMutex<()>>,
    file: Option<TokenFile<StateDirectory>>,
}

impl Native {
    pub(super) fn new(
        authority: impl Authority,
        warn: LogSink,
        file: Option<TokenFile<StateDirectory>>,
    ) -> Self {
        Self {
            authority: Box::new(authority),
            warn,
            started: Instant::now(),
            started_at: wall_clock(),
            turns: Arc::new(AsyncMutex::new(())),
            file,
        }
    }

    /// Does the work, and shows meanwhile that the holder of `lock` is alive.
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

/// What the tasks of a host share.
pub(super) struct Shared<T>(Mutex<T>);

impl<T> Guarded<T> for Shared<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Nothing under the lock can panic half-way.
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StoreEffects for Native {
    type Shared<T> = Shared<T>;
    type LoginLock = AsyncGuard<()>;
    type Directory = StateDirectory;

    fn now(&self) -> Duration {
        self.started_at.saturating_add(self.started.elapsed())
    }

    fn file(&self) -> Option<&TokenFile<StateDirectory>> {
        self.file.as_ref()
    }

    async fn lock_login(&self) -> Self::LoginLock {
        Arc::clone(&self.turns).lock_owned().await
    }

    fn try_lock_login(&self) -> Option<Self::LoginLock> {
        try_lock(&self.turns)
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
        (self.warn)(what);
    }

    fn info(&self, what: &str) {
        (self.warn)(&format!("info token-store: {what}"));
    }
}
