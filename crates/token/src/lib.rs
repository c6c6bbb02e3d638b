//! The token store: when a token is used, refreshed or not asked for, and one login for everybody.
//!
//! [`State`] decides. It is a pure function of what is known and the time, so each rule is a row of data
//! in its tests. [`Credentials`] says what a login sends and what its response means. [`Store`] acts on both: it shares one login among the tasks of an instance, and among
//! instances and processes through a [`TokenFile`]. Everything that it touches is behind [`Effects`]
//! and [`Directory`], so the reference host, the token store component and the MCP server run the same
//! store.
//!
//! ```
//! use core::time::Duration;
//! use oge_token::{Asker, Decision, Lifetime, State};
//!
//! let mut state = State::<&str>::default();
//! let now = Duration::from_secs(1);
//! assert!(matches!(state.decide(now), Decision::MustRefresh { .. }));
//!
//! state.attempt(now, Asker::Call);
//! state.received("token", 7, Lifetime::of_seconds(3600), now);
//! assert!(matches!(state.decide(now), Decision::Valid(&"token")));
//!
//! state.refused(7, now);
//! assert!(matches!(state.decide(now), Decision::MustRefresh { .. }));
//! ```

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod effects;
mod file;
mod lifetime;
mod login;
mod logins;
mod record;
mod state;
mod store;
pub mod timing;

pub use effects::{Effects, Guarded};
pub use file::{Directory, Entry, Lock, Locking, Problem, TokenFile, Write};
pub use lifetime::{Lifetime, SKEWED, generation};
pub use login::{Credentials, Given, Issued, LoginError};
pub use logins::{Asker, Block, Cause, Logins};
pub use record::Record;
pub use state::{CONTESTED, Decision, State};
pub use store::{Next, Store, not_configured};

#[cfg(test)]
mod contention_tests;
#[cfg(test)]
mod state_tests;
