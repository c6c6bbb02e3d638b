//! The effects that the token store needs: clock, lock, login and log.

use core::cell::RefCell;
use core::future::Future;
use core::time::Duration;

use oge_tools::client::Transport;

use crate::file::{Directory, Lock};
use crate::login::{Issued, LoginError};

/// A value that the tasks of one instance share. It is never borrowed across an `await`.
pub trait Guarded<T> {
    /// Wraps a value.
    fn new(value: T) -> Self;
    /// Calls `work` with exclusive access to the value.
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R;
}

impl<T> Guarded<T> for RefCell<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.borrow_mut())
    }
}

/// The effects that the token store needs.
pub trait StoreEffects: Sized {
    /// A value that the tasks of one instance share.
    type Shared<T>: Guarded<T>;
    /// The lock that lets one task of the instance log in. Dropping it releases the lock.
    type LoginLock;
    /// The directory of a token file.
    type Directory: Directory;
    /// Sends requests to etcd.
    type Transport: Transport;

    /// Returns the time since 1970. It never goes back within an instance.
    fn now(&self) -> Duration;
    /// Locks, after other tasks of this instance have released the lock.
    fn lock_login(&self) -> impl Future<Output = Self::LoginLock>;
    /// Locks without waiting. `None` if another task has the lock.
    fn try_lock_login(&self) -> Option<Self::LoginLock>;
    /// Sleeps. Meanwhile calls [`Lock::beat`] every [`LOCK_BEAT`](crate::timing::LOCK_BEAT).
    fn pause(
        &self,
        time: Duration,
        lock: Option<&Lock<Self::Directory>>,
    ) -> impl Future<Output = ()>;
    /// Returns whether there are credentials to log in with.
    fn can_log_in(&self) -> bool;
    /// Returns a salted digest of the credentials. Empty if there are none.
    fn digest(&self, salt: &[u8]) -> alloc::string::String;
    /// Logs in within `limit`. Meanwhile calls [`Lock::beat`] like [`StoreEffects::pause`].
    ///
    /// # Errors
    /// The error is the reason why there is no token.
    fn login(
        &self,
        limit: Duration,
        lock: Option<&Lock<Self::Directory>>,
    ) -> impl Future<Output = Result<Issued, LoginError>>;
    /// Logs a warning.
    fn warn(&self, what: &str);
    /// Logs information for an operator.
    fn info(&self, what: &str);
}
