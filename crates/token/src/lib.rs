//! The token store. It decides when to use a token, when to refresh it and when not to log in, and shares
//! one login among all callers.
//!
//! - [`State`] decides, as a pure function of its content and the time. Each rule is a row of its tests.
//! - [`Credentials`] makes the request of a login and reads its response.
//! - [`Store`] acts. It shares one login among the tasks of an instance, and among instances and processes
//!   through a [`TokenFile`], and among machines through [`Etcd`].
//! - [`SharedStore`] runs each login as a task of its own, so that a dropped caller ends no login.
//!
//! All effects are behind [`StoreEffects`], [`Spawn`] and [`Directory`], so that the reference host, the token store component
//! and the MCP server run the same store.
//!
//! ```
//! use core::time::Duration;
//! use oge_token::{Requester, Decision, Lifetime, State};
//!
//! let mut state = State::<&str>::default();
//! let now = Duration::from_secs(1);
//! assert!(matches!(state.decide(now), Decision::MustRefresh { .. }));
//!
//! state.attempt(now, Requester::Call);
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
mod etcd;
mod file;
mod lifetime;
mod login;
mod logins;
mod medium;
mod record;
mod shared;
mod state;
mod store;
pub mod timing;
mod urgency;

pub use effects::{Guarded, StoreEffects};
pub use etcd::{Etcd, EtcdSettings};
pub use file::{Directory, Entry, FileError, Folders, Lock, Locking, TokenFile, Write};
pub use lifetime::{CLOCK_SKEW_WARNING, Lifetime, generation};
pub use login::{ConfiguredToken, Credentials, Digest, Issued, LoginError};
pub use logins::{Block, Cause, LoginHistory, Requester};
pub use medium::Medium;
pub use record::Record;
pub use shared::{LoginTask, SharedStore, Spawn};
pub use state::{CONTENTION_WARNING, Decision, State};
pub use store::{LoginCounts, Store, TokenRequest, not_configured};

#[cfg(test)]
mod contention_tests;
#[cfg(test)]
mod state_tests;
