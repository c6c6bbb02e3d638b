//! Where the state of an account's token is kept, and the lock that lets one holder log in and write it.

use core::fmt;
use core::time::Duration;

use crate::effects::StoreEffects;
use crate::etcd::{Etcd, EtcdLock};
use crate::file::{Lock, TokenFile};
use crate::timing::ETCD_REQUEST_TIMEOUT;

/// Where the state of an account's token is kept.
pub enum Medium<E: StoreEffects> {
    /// In memory. Each instance logs in by itself.
    Memory,
    /// In a file, which the processes of a machine share.
    File(TokenFile<E::Directory>),
    /// In etcd, which machines share.
    Etcd(Etcd<E>),
}

/// The right to log in and to write the state.
pub(crate) enum HeldLock<E: StoreEffects> {
    /// There is nothing to write: the state is in memory, or the file cannot be locked.
    None,
    /// Of the token file. Dropping it releases it.
    File(Lock<E::Directory>),
    /// Of etcd. It is released by a call, or ends with its lease.
    Etcd(EtcdLock),
}

impl<E: StoreEffects> Medium<E> {
    pub(crate) const fn file(&self) -> Option<&TokenFile<E::Directory>> {
        match self {
            Self::File(file) => Some(file),
            Self::Memory | Self::Etcd(_) => None,
        }
    }

    pub(crate) const fn etcd(&self) -> Option<&Etcd<E>> {
        match self {
            Self::Etcd(etcd) => Some(etcd),
            Self::Memory | Self::File(_) => None,
        }
    }
}

impl<E: StoreEffects> HeldLock<E> {
    /// Returns the lock of a file, which its holder must rewrite while it waits.
    pub(crate) const fn file(&self) -> Option<&Lock<E::Directory>> {
        match self {
            Self::File(lock) => Some(lock),
            Self::None | Self::Etcd(_) => None,
        }
    }

    /// Returns how long a login may take, so that it ends before the lock in etcd. `None` if that does not matter.
    pub(crate) fn left(&self, now: Duration) -> Option<Duration> {
        match self {
            Self::Etcd(lock) => Some(lock.left(now).saturating_sub(ETCD_REQUEST_TIMEOUT)),
            Self::None | Self::File(_) => None,
        }
    }

    /// Returns whether another process may have taken over the lock.
    pub(crate) fn is_lost(&self, now: Duration) -> bool {
        match self {
            Self::None => false,
            Self::File(lock) => !lock.is_held(now),
            Self::Etcd(lock) => lock.left(now).is_zero(),
        }
    }
}

impl<E: StoreEffects> fmt::Debug for Medium<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "Memory",
            Self::File(_) => "File(…)",
            Self::Etcd(_) => "Etcd(…)",
        })
    }
}
