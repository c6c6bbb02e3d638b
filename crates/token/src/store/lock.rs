//! Waiting for the right to log in, which one process or machine has at a time.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use oge_tools::token::{Token, TokenError};

use super::errors::no_etcd;
use super::known::Outage;
use super::{RequestState, Store, TokenWanted};
use crate::effects::{Guarded as _, StoreEffects};
use crate::etcd::{Etcd, EtcdError, EtcdLock, Found};
use crate::file::{Locking, TokenFile};
use crate::logins::Requester;
use crate::medium::{HeldLock, Medium};
use crate::timing::{
    EARLY_RETRY_INTERVAL, ETCD_BACKOFF, ETCD_POLL, LOCK_POLL, LOCK_SETTLE, LOCK_STALE,
    LOCK_TIMEOUT, jittered,
};
use crate::urgency::Urgency;

/// The right to log in, or the caller's result without one: that of the holder's login, or an error if it cannot
/// be had.
type Waited<E> = Result<HeldLock<E>, Result<Token, TokenError>>;

impl<E: StoreEffects> Store<E> {
    /// Waits for the right to log in.
    pub(super) async fn wait_for_lock(&self, want: TokenWanted, asked_at: Duration) -> Waited<E> {
        match &self.medium {
            Medium::Memory => Ok(HeldLock::None),
            Medium::File(file) => self.wait_for_file(file, want, asked_at).await,
            Medium::Etcd(etcd) => self.wait_for_etcd(etcd, want, asked_at).await,
        }
    }

    /// Takes the right to log in while the held token is still good. `None` if a login is in flight, or if it is
    /// not known whether one is.
    pub(super) async fn try_lock(&self, urgency: Urgency) -> Option<HeldLock<E>> {
        match &self.medium {
            Medium::Memory => Some(HeldLock::None),
            Medium::File(file) => match file.lock(self.effects.now()) {
                Locking::Held(lock) => Some(HeldLock::File(lock)),
                Locking::Busy(_) => None,
                Locking::Impossible(why) => {
                    self.warn_of_file(&why);
                    Some(HeldLock::None)
                }
            },
            Medium::Etcd(etcd) => {
                let now = self.effects.now();
                if self.read_etcd(etcd, now, urgency).await.ok()? {
                    return None;
                }
                // The state that was read may have a newer token.
                match self.request_state(TokenWanted::Good, Requester::Call, false) {
                    RequestState::RefreshSoon(_) => {
                        let lock = self.lock_etcd(etcd, urgency).await.ok()??;
                        Some(HeldLock::Etcd(lock))
                    }
                    _ => Some(HeldLock::None),
                }
            }
        }
    }

    /// Releases the right to log in.
    pub(super) async fn release(&self, lock: HeldLock<E>) {
        if let (Medium::Etcd(etcd), HeldLock::Etcd(lock)) = (&self.medium, lock) {
            etcd.release(lock).await;
        }
    }

    /// Waits for the token file's lock.
    async fn wait_for_file(
        &self,
        file: &TokenFile<E::Directory>,
        want: TokenWanted,
        asked_at: Duration,
    ) -> Waited<E> {
        let mut seen: Option<(Vec<u8>, Duration)> = None;
        loop {
            let now = self.effects.now();
            let content = match file.lock(now) {
                Locking::Held(lock) => return Ok(HeldLock::File(lock)),
                Locking::Impossible(why) => {
                    self.warn_of_file(&why);
                    return Ok(HeldLock::None);
                }
                Locking::Busy(content) => content,
            };
            match &seen {
                Some((same, since)) if *same == content => {
                    if now.saturating_sub(*since) >= LOCK_STALE
                        && let Some(lock) = file.take_over(&content, now)
                    {
                        self.effects.pause(LOCK_SETTLE, None).await;
                        if lock.is_held_now() {
                            self.effects.info("the other process is gone; its lock is taken over");
                            return Ok(HeldLock::File(lock));
                        }
                    }
                }
                Some(_) => seen = Some((content, now)),
                None => {
                    seen = Some((content, now));
                    self.effects.info(&format!(
                        "waiting for the login of another process, which holds {}",
                        file.lock_name()
                    ));
                }
            }
            if now.saturating_sub(asked_at) > LOCK_TIMEOUT {
                let why = format!(
                    "other processes hold {} beside OGE_TOKEN_FILE for too long; delete it if no \
                     process is left",
                    file.lock_name()
                );
                return Err(Err(TokenError::Unavailable(why)));
            }
            self.effects.pause(LOCK_POLL, None).await;
            if let Some(answer) = self.finished(want, asked_at, false) {
                return Err(answer);
            }
        }
    }

    /// Waits for etcd's lock. Its holder logs in for all machines, so each look also reads the state.
    async fn wait_for_etcd(
        &self,
        etcd: &Etcd<E>,
        want: TokenWanted,
        asked_at: Duration,
    ) -> Waited<E> {
        let [mut poll, max_poll] = ETCD_POLL;
        let mut is_logged = false;
        loop {
            let is_locked = self.read_etcd(etcd, asked_at, Urgency::Needed).await.map_err(Err)?;
            if let Some(answer) = self.finished(want, asked_at, false) {
                return Err(answer);
            }
            if !is_locked
                && let Some(lock) = self.lock_etcd(etcd, Urgency::Needed).await.map_err(Err)?
            {
                return Ok(HeldLock::Etcd(lock));
            }
            if !is_logged {
                is_logged = true;
                self.effects.info("waiting for the login of another machine, which etcd names");
            }
            if self.effects.now().saturating_sub(asked_at) > LOCK_TIMEOUT {
                let why = format!(
                    "other machines hold the lock of the login in etcd, {}, for too long; delete this key if no \
                     machine logs in",
                    etcd.lock_name()
                );
                return Err(Err(TokenError::Unavailable(why)));
            }
            let seed = self.effects.now().subsec_nanos();
            self.effects.pause(jittered(poll, 2, seed), None).await;
            poll = (2 * poll).min(max_poll);
        }
    }

    /// Reads etcd's state. Returns whether another machine holds the lock. A failure since `asked_at` or in the
    /// last second is returned again.
    async fn read_etcd(
        &self,
        etcd: &Etcd<E>,
        asked_at: Duration,
        urgency: Urgency,
    ) -> Result<bool, TokenError> {
        let started = self.effects.now();
        let outage = self.known.with(|known| known.outage.clone());
        if let Some(Outage { at, error, is_certain: true }) = outage
            && (at >= asked_at || started.saturating_sub(at) < ETCD_BACKOFF)
        {
            return Err(error);
        }
        let found = self.succeeded(etcd, urgency, etcd.read(&self.effects, urgency).await)?;
        let is_locked = found.is_locked;
        self.merge_found(found, started);
        Ok(is_locked)
    }

    /// Takes etcd's lock if it is free.
    async fn lock_etcd(
        &self,
        etcd: &Etcd<E>,
        urgency: Urgency,
    ) -> Result<Option<EtcdLock>, TokenError> {
        let started = self.effects.now();
        let locked = etcd.lock(&self.effects, urgency).await;
        let (found, lock) = self.succeeded(etcd, urgency, locked)?;
        if let Some(found) = found {
            self.merge_found(found, started);
        }
        Ok(lock)
    }

    fn merge_found(&self, found: Found, started: Duration) {
        if let Some(problem) = found.problem {
            self.warn_once(&format!(
                "the key in etcd (OGE_TOKEN_ETCD_KEY) {problem}; it is ignored"
            ));
        }
        self.merge(found.record);
        self.known.with(|known| known.read_at = Some(started));
    }

    /// Remembers whether a call to etcd failed, and makes a failure the caller's error.
    pub(super) fn succeeded<T>(
        &self,
        etcd: &Etcd<E>,
        urgency: Urgency,
        result: Result<T, EtcdError>,
    ) -> Result<T, TokenError> {
        let result = result.map_err(|error| no_etcd(etcd.settings(), &error));
        let at = self.effects.now();
        let is_certain = matches!(urgency, Urgency::Needed);
        let outage = result.as_ref().err().cloned().map(|error| Outage { at, error, is_certain });
        self.known.with(|known| known.outage = outage);
        result
    }

    /// Reads what another process or machine has written.
    pub(super) async fn read_newer(&self) {
        match &self.medium {
            Medium::Memory | Medium::File(_) => self.load_newer(),
            Medium::Etcd(etcd) => {
                let now = self.effects.now();
                // Without it, the result of the own login counts.
                let _ = self.read_etcd(etcd, now, Urgency::Needed).await;
            }
        }
    }

    /// Returns whether what is known answers a request of this time without a login: it is all there is, or it
    /// was read from etcd since then.
    pub(super) fn is_up_to_date(&self, asked_at: Duration) -> bool {
        self.medium.etcd().is_none()
            || self.known.with(|known| known.read_at.is_some_and(|at| at >= asked_at))
    }

    /// Returns whether etcd has failed so recently that a good token is not refreshed ahead of time.
    pub(super) fn is_etcd_down(&self) -> bool {
        let now = self.effects.now();
        let outage = self.known.with(|known| known.outage.as_ref().map(|outage| outage.at));
        outage.is_some_and(|at| now.saturating_sub(at) < EARLY_RETRY_INTERVAL)
    }
}
