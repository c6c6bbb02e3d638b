//! The token file's content: all that is known of an account's token, so that each process goes on
//! where the last one stopped. What is read back is judged here, once, like a login's response.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use oge_tools::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::state::State;

/// The first field of every token file; another program's file has another.
const FORMAT: &str = "oge-token/2";
/// The longest header value that is sent: a scheme, and a token of 16 KiB.
const MAX_AUTHORIZATION_BYTES: usize = 17 * 1024;
/// How far ahead of this clock a generation may be. It names a moment of issue, so one that is further
/// ahead is none.
const MAX_AHEAD: Duration = Duration::from_secs(366 * 24 * 3600);
/// How many tokens of `OGE_TOKEN` are remembered as used up.
const MAX_USED_UP: usize = 8;

/// All that is known of an account's token. Its times are on the wall clock.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// The token, and the logins to get one.
    pub(crate) state: State<Kept>,
    /// Counts what was written since this token came, so that of two records the newer one is known.
    pub(crate) revision: u32,
    /// Makes the digests of the credentials differ from those of other files.
    pub(crate) salt: u64,
    /// The values of `OGE_TOKEN` that were refused or replaced, by their names.
    used_up: Vec<String>,
}

/// The value of an `Authorization` header, which is written to a token file and nowhere else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(skip, default = "blank")]
    pub(crate) authorization: Secret,
    /// The name of the token, if `OGE_TOKEN` gave it.
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
    /// A record that knows nothing.
    pub(crate) fn new(salt: u64) -> Self {
        Self { salt, ..Self::default() }
    }

    /// Which of two records is newer: the one with the newer token, or written later.
    pub(crate) fn age(&self) -> (Option<u64>, u32) {
        (self.state.generation(), self.revision)
    }

    /// Remembers that the given token of this name is refused or replaced.
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

    /// The name of the held token, if `OGE_TOKEN` gave it.
    pub(crate) fn held_given(&self) -> Option<&str> {
        self.state.held()?.given.as_deref()
    }

    /// Remembers of `other` which given tokens are used up.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for name in &other.used_up {
            self.use_up(name);
        }
    }

    /// Reads the token file of `account`.
    ///
    /// # Errors
    /// Says what is wrong with the file, as the end of a sentence about it; with the part of it that can
    /// be used all the same.
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

    /// The file's bytes. They hold the token, and are wiped when they are dropped.
    #[must_use]
    pub fn to_bytes(&self, account: &str) -> Zeroizing<Vec<u8>> {
        // Strings, numbers and options always have a JSON form.
        let rest = serde_json::to_string(self).unwrap_or_default();
        let authorization = self.state.held().map_or("", |kept| kept.authorization.expose());
        // With room for all of it: what a vector outgrows is not wiped.
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

/// Whether this is what a login's response makes of a token: a scheme, one space and the token.
fn is_header(value: &str) -> bool {
    let is_graphic = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
    let parts = value.split_once(' ');
    value.len() <= MAX_AUTHORIZATION_BYTES
        && parts.is_some_and(|(scheme, token)| is_graphic(scheme) && is_graphic(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Asker, Decision, Lifetime};
    use std::borrow::ToOwned as _;

    const NOW: Duration = Duration::from_secs(1_700_000_000);
    const GENERATION: u64 = 1_700_000_000_000_000;

    fn record(authorization: &str, generation: u64) -> Record {
        let mut record = Record::default();
        let kept = Kept { authorization: Secret::new(authorization), given: None };
        record.state.received(kept, generation, Lifetime::of_seconds(3600), NOW);
        record.state.attempt(NOW, Asker::Call);
        record.state.rejected("MARK THE REASON".to_owned(), None, NOW);
        record
    }

    fn read(record: &Record) -> Result<Record, (&'static str, Option<Box<Record>>)> {
        Record::read(&record.to_bytes("me"), "me", NOW)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut again = read(&record("Bearer MARKER", GENERATION)).unwrap();
        assert_eq!(again.state.generation(), Some(GENERATION));
        let Decision::Valid(token) = again.state.decide(NOW) else {
            panic!("a good token was not good any more");
        };
        assert_eq!(token.authorization.expose(), "Bearer MARKER");
        again.state.refused(GENERATION, NOW);
        let again = read(&again).unwrap();
        assert!(matches!(again.state.decide(NOW), Decision::Blocked(_)));
    }

    #[test]
    fn torn_and_foreign_files_are_not_read() {
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
    fn a_token_that_no_login_gives_is_dropped_and_the_rest_is_kept() {
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
