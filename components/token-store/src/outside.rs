//! The world as the store sees it.

use core::future::Future;
use core::time::Duration;

use oge_oauth::Issued;
use oge_tools::token::TokenError;

use crate::record::Record;

/// What the store touches.
pub trait Outside {
    /// This task's turn, until it is dropped.
    type Turn;
    /// Holds the token file until it is dropped.
    type Lock;

    /// Since 1970, but never going back within an instance.
    fn now(&self) -> Duration;
    /// What the token file says; none where there is none, or none that can be read.
    fn load(&self) -> Option<Record>;
    /// Writes the token file, where there is one to write.
    fn save(&self, record: &Record);
    /// Waits until no other task of this instance has its turn.
    fn turn(&self) -> impl Future<Output = Self::Turn>;
    /// The turn; none where another task has it.
    fn try_turn(&self) -> Option<Self::Turn>;
    /// Takes the token file's lock; none where another holds it. Without a file nobody does.
    fn lock(&self) -> Option<Self::Lock>;
    /// Waits.
    fn pause(&self, time: Duration) -> impl Future<Output = ()>;
    /// Logs in, within `limit`.
    ///
    /// # Errors
    /// Where that comes to nothing.
    fn login(&self, limit: Duration) -> impl Future<Output = Result<Issued, TokenError>>;
    /// Tells the operator.
    fn warn(&self, what: &str);
}
