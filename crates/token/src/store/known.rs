//! What one instance knows of its account's token.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use core::time::Duration;

use oge_tools::token::{Token, TokenError};

use super::token;
use crate::effects::StoreEffects;
use crate::lifetime::{Lifetime, generation};
use crate::login::ConfiguredToken;
use crate::record::{Record, StoredToken};

/// How many logins an instance has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginCounts {
    /// All logins.
    pub made: u64,
    /// Those whose credentials the authority rejected.
    pub rejected: u64,
}

/// The state of one instance.
pub(super) struct StoreState {
    pub(super) record: Record,
    /// The token of the settings.
    pub(super) given: Option<(StoredToken, ConfiguredToken)>,
    /// The last generation that a caller reported as rejected. The file may not have it yet.
    pub(super) refused: Option<u64>,
    /// Whether contention was detected and is not logged yet.
    pub(super) has_unlogged_contention: bool,
    /// Whether the record has changes that are not in the file.
    pub(super) is_unsaved: bool,
    pub(super) is_skew_logged: bool,
    /// The last logged problem with the file or etcd.
    pub(super) warned: String,
    /// The logins of this instance.
    pub(super) logins: LoginCounts,
    /// When etcd's state was last read.
    pub(super) read_at: Option<Duration>,
    /// The last failed call to etcd since then.
    pub(super) outage: Option<Outage>,
}

/// A failed call to etcd.
#[derive(Clone)]
pub(super) struct Outage {
    /// When it failed.
    pub(super) at: Duration,
    /// What callers read.
    pub(super) error: TokenError,
    /// Whether it had the time of a needed call. One ahead of time gives up while etcd may only be slow.
    pub(super) is_certain: bool,
}

impl StoreState {
    pub(super) fn held(&self) -> Option<Token> {
        let state = &self.record.state;
        state.held().map(|kept| token(kept, state.generation()))
    }

    /// Notes that the record was written with this revision.
    pub(super) fn raise_revision(&mut self, revision: u32) {
        self.record.revision = self.record.revision.max(revision);
    }

    /// Sets the digest of the credentials. Its 16 bits are enough to detect a correction, and too few to check
    /// guesses of a password.
    pub(super) fn set_credentials(&mut self, effects: &impl StoreEffects) {
        let digest = effects.digest(&self.record.salt.to_be_bytes());
        let credentials = digest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.record.state.logins.set_credentials(credentials.unwrap_or_default());
    }

    /// Uses the token of the settings, unless it is in use or used up. So a new value of `OGE_TOKEN` is
    /// preferred to the file's token, and a token from a later login is preferred to that value.
    pub(super) fn take_given(&mut self, effects: &impl StoreEffects, now: Duration) {
        let Some((kept, given)) = &self.given else { return };
        let name = kept.given.as_deref();
        if self.record.held_given() == name || name.is_some_and(|name| self.record.is_used_up(name))
        {
            return;
        }
        let state = &mut self.record.state;
        let issued_at = Duration::from_secs(given.issued_at.unwrap_or_default()).min(now);
        let generation = generation(state.generation(), issued_at);
        let lifetime = Lifetime::of_kept(given.expires_at(effects.can_log_in()), now.as_secs());
        state.found(kept.clone(), generation, lifetime, now);
        self.record.revision = 0;
    }

    /// Records the rejection that a caller reported.
    pub(super) fn mark_refused(&mut self, now: Duration) {
        let Some(refused) = self.refused else { return };
        let state = &mut self.record.state;
        let before = (state.has_contention(), state.is_rejected());
        state.refused(refused, now);
        self.has_unlogged_contention |= state.has_contention() && !before.0;
        self.is_unsaved |= state.is_rejected() && !before.1;
        if state.is_rejected() {
            self.use_up_held();
        }
    }

    pub(super) fn use_up_held(&mut self) {
        if let Some(name) = self.record.held_given().map(str::to_owned) {
            self.record.use_up(&name);
        }
    }
}
