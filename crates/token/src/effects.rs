//! What the store touches.

use core::cell::RefCell;
use core::future::Future;
use core::time::Duration;

use crate::login::{Issued, LoginError};

use crate::file::{Directory, Lock, TokenFile};

/// A value that the tasks of one instance share. It is never held while anything waits.
pub trait Guarded<T> {
    /// Takes the value in.
    fn new(value: T) -> Self;
    /// Works on the value.
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

/// What the store touches.
pub trait Effects {
    /// What the tasks of one instance share.
    type Shared<T>: Guarded<T>;
    /// This task's turn, until it is dropped.
    type Turn;
    /// The directory of the token file.
    type Directory: Directory;

    /// The time since 1970, which never goes back within an instance.
    fn now(&self) -> Duration;
    /// The token file, if there is one.
    fn file(&self) -> Option<&TokenFile<Self::Directory>>;
    /// Waits until no other task of this instance has its turn.
    fn turn(&self) -> impl Future<Output = Self::Turn>;
    /// The turn; `None` if another task has it.
    fn try_turn(&self) -> Option<Self::Turn>;
    /// Waits, and keeps `lock` alive meanwhile: [`Lock::beat`] every [`LOCK_BEAT`](crate::timing::LOCK_BEAT).
    fn pause(
        &self,
        time: Duration,
        lock: Option<&Lock<Self::Directory>>,
    ) -> impl Future<Output = ()>;
    /// Whether there are credentials to log in with.
    fn can_log_in(&self) -> bool;
    /// A digest of the credentials, salted; empty if there are none.
    fn digest(&self, salt: &[u8]) -> alloc::string::String;
    /// Logs in within `limit`, and keeps `lock` alive meanwhile.
    ///
    /// # Errors
    /// Says why there is no token.
    fn login(
        &self,
        limit: Duration,
        lock: Option<&Lock<Self::Directory>>,
    ) -> impl Future<Output = Result<Issued, LoginError>>;
    /// Logs a warning.
    fn warn(&self, what: &str);
    /// Logs what an operator may want to know.
    fn info(&self, what: &str);
}
