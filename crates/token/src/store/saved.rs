//! What is saved of the state, and what is loaded: the record in the token file or in etcd.

use alloc::borrow::ToOwned as _;
use alloc::format;
use core::mem;

use oge_tools::token::TokenError;

use super::Store;
use super::errors::{lock_lost, not_counted};
use crate::effects::{Guarded as _, StoreEffects};
use crate::file::{Lock, Locking, TokenFile};
use crate::medium::{HeldLock, Medium};
use crate::record::Record;
use crate::state::CONTENTION_WARNING;
use crate::urgency::Urgency;

impl<E: StoreEffects> Store<E> {
    /// Saves unsaved changes. Does nothing if another process holds the lock, because its login will replace
    /// them.
    pub(super) fn save_if_free(&self) {
        if !self.known.with(|known| known.is_unsaved) {
            return;
        }
        let Some(file) = self.medium.file() else { return };
        if let Locking::Held(lock) = file.lock(self.effects.now()) {
            self.load_newer();
            self.log_contention();
            let _ = self.save_file(file, &lock);
        }
    }

    /// Saves the state. The error is that of a caller whose login cannot be counted.
    pub(super) async fn save(
        &self,
        lock: &HeldLock<E>,
        urgency: Urgency,
    ) -> Result<(), TokenError> {
        match (&self.medium, lock) {
            (Medium::Memory, _) => Ok(()),
            (Medium::File(file), HeldLock::File(lock)) => self.save_file(file, lock),
            (Medium::Etcd(etcd), HeldLock::Etcd(lock)) => {
                let record = self.next_record();
                let written = etcd.write(&self.effects, &record, lock, urgency).await;
                if !self.succeeded(etcd, urgency, written)? {
                    return Err(lock_lost());
                }
                // Not before: a record that is in no etcd must not count as newer than what other machines write.
                self.known.with(|known| known.raise_revision(record.revision));
                Ok(())
            }
            (Medium::File(_), _) => Err(not_counted()),
            (Medium::Etcd(_), _) => Err(lock_lost()),
        }
    }

    fn save_file(
        &self,
        file: &TokenFile<E::Directory>,
        lock: &Lock<E::Directory>,
    ) -> Result<(), TokenError> {
        let record = self.next_record();
        self.known.with(|known| known.raise_revision(record.revision));
        file.save(&record, lock, self.effects.now()).map_err(|why| {
            self.warn_of_file(&why);
            self.known.with(|known| known.is_unsaved = true);
            not_counted()
        })
    }

    /// Returns the record to save.
    fn next_record(&self) -> Record {
        self.known.with(|known| {
            known.is_unsaved = false;
            let mut next = known.record.clone();
            next.revision = next.revision.saturating_add(1);
            next
        })
    }

    /// Logs contention that is not logged yet. Several instances may detect it, but only the holder of the lock
    /// logs it.
    pub(super) fn log_contention(&self) {
        if self.known.with(|known| mem::take(&mut known.has_unlogged_contention)) {
            self.effects.warn(CONTENTION_WARNING);
        }
    }

    /// Logs a problem with the token file.
    pub(super) fn warn_of_file(&self, why: &str) {
        self.warn_once(&format!("OGE_TOKEN_FILE {why}; it is ignored"));
    }

    /// Logs a problem, unless it is the last one that was logged.
    pub(super) fn warn_once(&self, what: &str) {
        let is_new = self.known.with(|known| {
            let is_new = known.warned != what;
            what.clone_into(&mut known.warned);
            is_new
        });
        if is_new {
            self.effects.warn(what);
        }
    }

    /// Loads a newer record of the token file.
    pub(super) fn load_newer(&self) {
        let file = match self.medium.file().map(|file| file.load(self.effects.now())) {
            None => None,
            Some(Ok(record)) => record,
            Some(Err((why, rest))) => {
                self.warn_of_file(&why);
                rest.map(|rest| *rest)
            }
        };
        self.merge(file);
    }

    /// Uses a record that another process has written, if it is newer. Keeps this instance's own knowledge of
    /// rejected and used up tokens.
    pub(super) fn merge(&self, read: Option<Record>) {
        let now = self.effects.now();
        self.known.with(|known| {
            known.mark_refused(now);
            if let Some(mut record) = read
                && record.age() > known.record.age()
            {
                record.absorb(&known.record);
                known.is_unsaved = record.state.correct_clock(now);
                known.record = record;
                known.has_unlogged_contention = false;
                known.set_credentials(&self.effects);
            }
            known.take_given(&self.effects, now);
            known.mark_refused(now);
        });
    }
}
