//! The token file's content: the state of an account's token, which all processes share. Everything that is
//! read from the file is checked here, like a login's response.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use oge_tools::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::state::State;

/// The first field of every token file. It identifies the format.
const FORMAT: &str = "oge-token/2";
/// The longest header value that is sent: a scheme, and a token of 16 KiB.
const MAX_AUTHORIZATION_BYTES: usize = 17 * 1024;
/// How far in the future a generation may be, since it is a time of issue. A later one is not valid.
const MAX_AHEAD: Duration = Duration::from_secs(366 * 24 * 3600);
/// How many used up values of `OGE_TOKEN` are remembered.
const MAX_USED_UP: usize = 8;

/// The state of an account's token. Its times are on the wall clock.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// The token and the logins.
    pub(crate) state: State<StoredToken>,
    /// Counts the writes since this token was received, to find the newer one of two records.
    pub(crate) revision: u32,
    /// The salt of the digests of the credentials, so that files cannot be compared.
    pub(crate) salt: u64,
    /// The values of `OGE_TOKEN` that were rejected or replaced, by their digests.
    used_up: Vec<String>,
}

/// The value of an `Authorization` header. It is written to a token file and nowhere else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredToken {
    #[serde(skip, default = "blank")]
    pub(crate) authorization: Secret,
    /// The digest of the token, if it comes from `OGE_TOKEN`.
    pub(crate) given: Option<String>,
}

fn blank() -> Secret {
    Secret::new(String::new())
}

#[derive(Deserialize)]
struct Read {
    format: String,
    account: String,
    authorization: Option<Secret>,
    #[serde(deserialize_with = "whole")]
    record: Option<Record>,
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Record>, D::Error> {
    Record::deserialize(deserializer).map(Some)
}

impl Record {
    pub(crate) fn new(salt: u64) -> Self {
        Self { salt, ..Self::default() }
    }

    /// Orders records: the greater one has the newer token, or the same token and was written later.
    pub(crate) fn age(&self) -> (Option<u64>, u32) {
        (self.state.generation(), self.revision)
    }

    /// Records that the value of `OGE_TOKEN` with this digest was rejected or replaced.
    pub(crate) fn use_up(&mut self, name: &str) {
        if !self.is_used_up(name) {
            if self.used_up.len() >= MAX_USED_UP {
                self.used_up.remove(0);
            }
            self.used_up.push(name.into());
        }
    }

    pub(crate) fn is_used_up(&self, name: &str) -> bool {
        self.used_up.iter().any(|known| known == name)
    }

    /// Returns the digest of the held token, if it comes from `OGE_TOKEN`.
    pub(crate) fn held_given(&self) -> Option<&str> {
        self.state.held()?.given.as_deref()
    }

    /// Adds the used up values of `OGE_TOKEN` from `other`.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for name in &other.used_up {
            self.use_up(name);
        }
    }

    /// Reads the token file of `account`.
    ///
    /// # Errors
    /// The error is the end of a sentence about the file. If only its token is bad, the error has the rest of
    /// the record.
    pub fn read(
        bytes: &[u8],
        account: &str,
        now: Duration,
    ) -> Result<Self, (&'static str, Option<Box<Self>>)> {
        let Ok(Read { format, account: owner, authorization, record: Some(mut record) }) =
            serde_json::from_slice(bytes)
        else {
            return Err(("holds no token of this store", None));
        };
        if format != FORMAT {
            return Err(("holds no token of this store", None));
        }
        if owner != account {
            return Err(("holds the token of another account", None));
        }
        if let Some(kept) = record.state.held_mut() {
            kept.authorization = authorization.unwrap_or_else(blank);
        }
        record.used_up.truncate(MAX_USED_UP);
        record.used_up.iter_mut().for_each(|name| name.truncate(name.floor_char_boundary(64)));
        let latest = u64::try_from((now + MAX_AHEAD).as_micros()).unwrap_or(u64::MAX);
        if record.state.generation().is_some_and(|generation| generation > latest) {
            record.state.drop_held();
            return Err(("holds a token that was issued in the future", Some(Box::new(record))));
        }
        if record.state.held().is_some_and(|kept| !is_header(kept.authorization.expose())) {
            record.state.drop_held();
            return Err(("holds a token that no header can carry", Some(Box::new(record))));
        }
        Ok(record)
    }

    /// Returns the file's bytes. They contain the token, so they are wiped on drop.
    #[must_use]
    pub fn to_bytes(&self, account: &str) -> Zeroizing<Vec<u8>> {
        // Never fails: a record has only strings, numbers and options.
        let rest = serde_json::to_string(self).unwrap_or_default();
        let authorization = self.state.held().map_or("", |kept| kept.authorization.expose());
        // The capacity is enough, because a vector that grows does not wipe its old buffer.
        let length = 6 * authorization.len() + rest.len() + account.len() + 128;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        let mut add = |part: &str| bytes.extend_from_slice(part.as_bytes());
        add("{\"format\":\"");
        add(FORMAT);
        add("\",\"account\":\"");
        add(account);
        add("\",\"authorization\":\"");
        for character in authorization.chars() {
            match character {
                '"' | '\\' | '\0'..='\u{1f}' => add(&format!("\\u{:04x}", u32::from(character))),
                character => add(character.encode_utf8(&mut [0; 4])),
            }
        }
        add("\",\"record\":");
        add(&rest);
        add("}");
        bytes
    }
}

/// Returns whether this is a valid header value: a scheme, one space and the token.
fn is_header(value: &str) -> bool {
    let is_graphic = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
    let parts = value.split_once(' ');
    value.len() <= MAX_AUTHORIZATION_BYTES
        && parts.is_some_and(|(scheme, token)| is_graphic(scheme) && is_graphic(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decision, Lifetime, Requester};
    use std::borrow::ToOwned as _;

    const NOW: Duration = Duration::from_secs(1_700_000_000);
    const GENERATION: u64 = 1_700_000_000_000_000;

    fn record(authorization: &str, generation: u64) -> Record {
        let mut record = Record::default();
        let kept = StoredToken { authorization: Secret::new(authorization), given: None };
        record.state.received(kept, generation, Lifetime::of_seconds(3600), NOW);
        record.state.attempt(NOW, Requester::Call);
        record.state.rejected("MARK THE REASON".to_owned(), None, NOW);
        record
    }

    fn read(record: &Record) -> Result<Record, (&'static str, Option<Box<Record>>)> {
        Record::read(&record.to_bytes("me"), "me", NOW)
    }

    #[test]
    fn a_record_is_read_back_as_written() {
        let mut again = read(&record("Bearer MARKER", GENERATION)).unwrap();
        assert_eq!(again.state.generation(), Some(GENERATION));
        let Decision::Valid(token) = again.state.decide(NOW) else {
            panic!("a good token was not served");
        };
        assert_eq!(token.authorization.expose(), "Bearer MARKER");
        again.state.refused(GENERATION, NOW);
        let again = read(&again).unwrap();
        assert!(matches!(again.state.decide(NOW), Decision::Blocked(_)));
    }

    #[test]
    fn truncated_and_foreign_files_are_refused() {
        let whole = record("Bearer MARKER", GENERATION).to_bytes("me");
        for length in 0..whole.len() {
            assert!(Record::read(&whole[..length], "me", NOW).is_err(), "torn at {length}");
        }
        let other = Record::read(&whole, "you", NOW).unwrap_err();
        assert_eq!((other.0, other.1.is_none()), ("holds the token of another account", true));
        for foreign in [
            &b"{}"[..],
            b"[]",
            b"eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
            br#"{"format":"oge-token/1","account":"me","record":null}"#,
            br#"{"format":"oge-token/2","account":"me","record":null}"#,
            br#"{"access_token":"x"}"#,
            b"\xff\xfe",
        ] {
            assert!(Record::read(foreign, "me", NOW).is_err());
        }
    }

    #[test]
    fn an_invalid_token_is_dropped_and_the_rest_is_kept() {
        let long = format!("Bearer {}", "x".repeat(MAX_AUTHORIZATION_BYTES));
        for authorization in [
            "",
            "Bearer",
            "Bearer ",
            " a",
            "Bearer a\nb",
            "Bearer a\0b",
            "Bearer a b",
            "Bearer é",
            &long,
        ] {
            let (problem, rest) = read(&record(authorization, GENERATION)).unwrap_err();
            assert_eq!(problem, "holds a token that no header can carry", "{authorization:?}");
            let rest = rest.unwrap().state;
            assert!(rest.held().is_none() && rest.logins.has_rejection());
        }
        for generation in [GENERATION + 366 * 24 * 3600 * 1_000_000 + 1, u64::MAX] {
            let (problem, rest) = read(&record("Bearer a", generation)).unwrap_err();
            assert_eq!(problem, "holds a token that was issued in the future");
            assert_eq!(rest.unwrap().state.generation(), None);
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", record("Bearer MARKER", GENERATION)).contains("MARKER"));
    }
}
