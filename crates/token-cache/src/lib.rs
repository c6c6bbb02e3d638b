//! When a token is used, refreshed or held off: a pure function of what is held and the time.
//!
//! Whoever holds a token (the reference host, the token store component, the MCP server) keeps a
//! [`State`], tells it what happens, and asks it what to do. It contacts no one, reads no clock and
//! takes no lock, so every rule is a row of data in its tests.
//!
//! ```
//! use core::time::Duration;
//! use oge_token_cache::{Decision, Lifetime, State};
//!
//! let mut state = State::<&str, &str>::default();
//! let now = Duration::from_secs(1);
//! assert!(matches!(state.decide(now), Decision::MustRefresh { .. }));
//!
//! state.attempt(now);
//! state.received("token", 7, Lifetime::of_seconds(3600), now);
//! assert!(matches!(state.decide(now), Decision::Valid(&"token")));
//!
//! state.refused(7, now);
//! assert!(matches!(state.decide(now), Decision::MustRefresh { .. }));
//! ```

#![no_std]

mod lifetime;
mod state;

pub use lifetime::{Lifetime, SKEWED, generation};
pub use state::{CONTESTED, Decision, SKEW, State};

#[cfg(test)]
mod rivals;
#[cfg(test)]
mod rules;
