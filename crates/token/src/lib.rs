//! The token store. It decides when to use a token, when to refresh it and when not to log in, and shares
//! one login among all callers.
//!
//! - [`State`] decides, as a pure function of its content and the time. Each rule is a row of its tests.
//! - [`Credentials`] makes the request of a login and reads its response.
//! - [`Store`] acts. It shares one login among the tasks of an instance, and among instances and processes
//!   through a [`TokenFile`].
//!
//! All effects are behind [`Effects`] and [`Directory`], so that the reference host, the token store component
//! and the MCP server run the same store.
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
