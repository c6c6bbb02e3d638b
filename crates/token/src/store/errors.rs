//! What a caller reads if there is no token.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::time::Duration;

use oge_tools::error::Fault;
use oge_tools::token::TokenError;

use crate::etcd::{EtcdError, EtcdSettings};
use crate::logins::{Block, Cause, Requester};

/// Returns the setting's name, and what is wrong with it if it is set.
#[must_use]
pub fn not_configured(fault: Fault) -> String {
    let (Fault::Setting(name, problem) | Fault::Argument(name, problem)) = fault;
    if problem == "is not set" { name.to_owned() } else { format!("{name}, which {problem}") }
}

pub(super) fn no_reason() -> TokenError {
    TokenError::Unavailable("the login gave no token".to_owned())
}

/// Added to a missing setting of the login if there is a token of the settings.
pub(super) const NOT_RENEWED: &str =
    "; a login is needed to replace an OGE_TOKEN that the platform rejects";

/// Added to a rejection that could not be saved in the token file.
pub(super) const NOT_IN_FILE: &str = "; this could not be written to OGE_TOKEN_FILE, so each new process tries again and \
                         may lock the account: make the file writable";

/// Returns the error if the credentials were rejected before and another try cannot be counted in the token file.
pub(super) fn not_counted() -> TokenError {
    let why = "the credentials were rejected before, and OGE_TOKEN_FILE cannot be written to count another \
               try; make it writable, or delete it once the settings are mended";
    TokenError::Rejected(why.to_owned())
}

/// Returns the error if another machine may have taken over the lock in etcd.
pub(super) fn lock_lost() -> TokenError {
    let why = "the lock of the login in etcd was lost, because this process was stopped for too long; call again";
    TokenError::Unavailable(why.to_owned())
}

/// Returns the error if etcd, which decides who may log in, cannot be used.
pub(super) fn no_etcd(settings: &EtcdSettings, error: &EtcdError) -> TokenError {
    let EtcdError::Other(why) = error else { return lock_lost() };
    let endpoints = settings.endpoints();
    TokenError::Unavailable(format!(
        "the token is shared through etcd (OGE_TOKEN_ETCD: {endpoints}), which {why}; no login is made \
         without it, since that could end the token that others use"
    ))
}

/// Returns the error for a blocked login: the authority's reason, when the next login is made and why not now.
pub(super) fn to_error(Block { cause, why, left, requester }: Block<'_>) -> TokenError {
    const LOCKED: &str = "since more failures may lock the account";
    const CORRECT: &str = "corrected settings are tried at once (start a server again whose environment was \
                        corrected), and `oge check` asks once more";
    let again = left.map(in_words).unwrap_or_default();
    let next = match (requester, left) {
        (Requester::Person, _) => format!("`oge check` may ask again in {again}, {LOCKED}"),
        (Requester::Call, Some(_)) => {
            format!("it is not tried again for {again}, {LOCKED}; {CORRECT}")
        }
        (Requester::Call, None) => {
            format!("nothing more is tried with these credentials, {LOCKED}; {CORRECT}")
        }
    };
    match cause {
        Cause::Rejected => TokenError::Rejected(format!("{why}; {next}")),
        Cause::Failed => TokenError::Unavailable(format!("{why}; {next}")),
        Cause::Unavailable => {
            TokenError::Unavailable(format!("{why}; it is not asked again for {again}"))
        }
        Cause::Unfinished => TokenError::Unavailable(format!(
            "several logins were begun and their processes stopped before the answer came; {next}"
        )),
    }
}

/// Formats a time in seconds, or in minutes if it is longer than 90 s. Rounds up.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    if seconds <= 90 {
        return [&seconds.to_string(), " s"].concat();
    }
    [&seconds.div_ceil(60).to_string(), " min"].concat()
}
