//! The state of an account's token in etcd, which machines share.
//!
//! Two keys: the state, and the lock beside it. The lock is created under a lease, only if there is none, and the
//! state is written in a transaction that compares the lock's revision. So a holder that dies loses the lock with
//! its lease, and one that comes back late cannot overwrite what came after it. Locking compares no two clocks.

mod client;
mod settings;
mod wire;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use self::client::{NOT_ETCD, Session};
use self::wire::{Answer, Call, Entry, Key};
use crate::effects::{Guarded as _, StoreEffects};
use crate::record::Record;
use crate::timing::{ETCD_REQUEST_TIMEOUT, LOCK_LEASE};
use crate::urgency::Urgency;

pub(crate) use self::client::EtcdError;
pub use self::settings::EtcdSettings;

/// The state of one account in etcd.
pub struct Etcd<E: StoreEffects> {
    settings: EtcdSettings,
    account: String,
    name: String,
    state: Key,
    lock: Key,
    transport: E::Transport,
    session: E::Shared<Session>,
}

/// What a read found.
pub(crate) struct Found {
    /// The state. `None` if there is none, or if it is unusable.
    pub(crate) record: Option<Record>,
    /// What is wrong with the state, as the end of a sentence.
    pub(crate) problem: Option<&'static str>,
    /// Whether somebody holds the lock.
    pub(crate) is_locked: bool,
}

/// The lock, until its lease ends.
pub(crate) struct EtcdLock {
    lease: u64,
    revision: u64,
    /// When the lease ends, or before.
    until: Duration,
}

impl EtcdLock {
    /// Returns how long the lock is certainly still held.
    pub(crate) fn left(&self, now: Duration) -> Duration {
        self.until.saturating_sub(now)
    }
}

impl<E: StoreEffects> Etcd<E> {
    /// Returns the state of `account`. The account is appended to the key, so that two accounts never share a
    /// state or a lock.
    #[must_use]
    pub fn new(settings: EtcdSettings, account: &str, transport: E::Transport) -> Self {
        let name = format!("{}-{account}", settings.key);
        Self {
            account: account.into(),
            state: Key::new(&name),
            lock: Key::new(&lock_name(&name)),
            name,
            settings,
            transport,
            session: E::Shared::new(Session::default()),
        }
    }

    /// Reads the state.
    pub(crate) async fn read(&self, effects: &E, urgency: Urgency) -> Result<Found, EtcdError> {
        let read = self.call(effects, &Call::read(&self.state, &self.lock), urgency).await?;
        Ok(self.found(read, effects.now())?.0)
    }

    /// Takes the lock if it is free, and reads the state in the same transaction. Reads nothing if the lease of the
    /// lock is over before.
    pub(crate) async fn lock(
        &self,
        effects: &E,
        urgency: Urgency,
    ) -> Result<(Option<Found>, Option<EtcdLock>), EtcdError> {
        let until = effects.now().saturating_add(LOCK_LEASE);
        let granted = self.call(effects, &Call::grant(), urgency).await?;
        let lease = granted.lease.ok_or_else(not_etcd)?;
        let call = Call::lock(&self.state, &self.lock, lease);
        let locked = match self.call(effects, &call, urgency).await {
            // This process was stopped meanwhile.
            Err(EtcdError::LeaseOver) => return Ok((None, None)),
            Err(error) => {
                // The lock may have been created, and would keep others from logging in until its lease ends.
                self.revoke(lease).await;
                return Err(error);
            }
            Ok(locked) => locked,
        };
        let (found, lock) = self.found(locked, effects.now())?;
        // If the response to a first try was lost, the second one finds our own lock.
        let lock = lock.filter(|lock| lock.lease == lease);
        let lock = lock.map(|lock| EtcdLock { lease, revision: lock.create_revision, until });
        if lock.is_none() {
            self.revoke(lease).await;
        }
        Ok((Some(found), lock))
    }

    /// Writes the state. Returns whether it was written: it is not if the lock was lost.
    pub(crate) async fn write(
        &self,
        effects: &E,
        record: &Record,
        lock: &EtcdLock,
        urgency: Urgency,
    ) -> Result<bool, EtcdError> {
        let value = record.to_bytes(&self.account);
        let call = Call::write(&self.state, &value, &self.lock, lock.revision);
        let written = self.call(effects, &call, urgency).await?;
        Ok(written.succeeded)
    }

    /// Releases the lock. If that fails, the lease ends by itself.
    pub(crate) async fn release(&self, lock: EtcdLock) {
        self.revoke(lock.lease).await;
    }

    async fn revoke(&self, lease: u64) {
        let _ = self.attempt(&Call::revoke(lease), ETCD_REQUEST_TIMEOUT).await;
    }

    /// Reads the state and the lock from a response.
    fn found(&self, answer: Answer, now: Duration) -> Result<(Found, Option<Entry>), EtcdError> {
        let [state, lock] = <[_; 2]>::try_from(answer.entries).map_err(|_| not_etcd())?;
        let read = state.map(|state| Record::read(&state.value, &self.account, now));
        let (record, problem) = match read {
            None => (None, None),
            Some(Ok(record)) => (Some(record), None),
            Some(Err((problem, rest))) => (rest.map(|rest: Box<Record>| *rest), Some(problem)),
        };
        Ok((Found { record, problem, is_locked: lock.is_some() }, lock))
    }

    /// Returns the name of the lock's key.
    pub(crate) fn lock_name(&self) -> String {
        lock_name(&self.name)
    }

    /// Returns the settings.
    #[must_use]
    pub const fn settings(&self) -> &EtcdSettings {
        &self.settings
    }
}

fn lock_name(name: &str) -> String {
    [name, ".lock"].concat()
}

fn not_etcd() -> EtcdError {
    EtcdError::Other(NOT_ETCD.into())
}
