//! What the token file says: all that is known of the token, so that whoever reads it goes on where
//! the last one stopped.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use oge_token_cache::{SKEW, State};
use oge_tools::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first field of every token file; another program's file has not got it.
const FORMAT: &str = "oge-token/1";

/// All that is known of the token. Its times are on the wall clock.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// The token, and how the attempts to get one went.
    pub state: State<Kept, String>,
    /// The last login, where it came to nothing: why, and when. For those who waited for it.
    pub failure: Option<(String, Duration)>,
}

/// The value of an `Authorization` header, which can be written to a token file and nowhere else.
#[derive(Clone, Debug)]
pub struct Kept(pub Secret);

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|value| Self(Secret::new(value)))
    }
}

#[derive(Serialize, Deserialize)]
struct File<R> {
    format: String,
    record: R,
}

impl Record {
    /// Takes up a record that was kept. As [`State::recall`], it forgets what was written before a clock
    /// was set back: an old failure would be told as a new one until the clock came by again.
    pub(crate) fn recall(&mut self, now: Duration) {
        self.state.recall(now);
        self.failure = self.failure.take().filter(|(_, at)| *at <= now.saturating_add(SKEW));
    }

    /// Reads a token file; none where it is torn or another program's.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let file: File<Self> = serde_json::from_slice(bytes).ok()?;
        (file.format == FORMAT).then_some(file.record)
    }

    /// The file's bytes. They hold the token.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and options always have a JSON form.
        serde_json::to_vec(&File { format: FORMAT.into(), record: self }).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oge_token_cache::{Decision, Lifetime};
    use std::format;

    fn record() -> Record {
        let mut record = Record::default();
        let now = Duration::from_secs(1000);
        let kept = Kept(Secret::new("Bearer MARKER"));
        record.state.received(kept, 7, Lifetime::of_seconds(3600), now);
        record.failure = Some(("no".into(), now));
        record
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut read = Record::read(&record().to_bytes()).unwrap();
        assert_eq!(read.state.generation(), Some(7));
        assert_eq!(read.failure, record().failure);
        let Decision::Valid(token) = read.state.decide(Duration::from_secs(1001)) else {
            panic!("a good token was not good any more");
        };
        assert_eq!(token.0.expose(), "Bearer MARKER");
        read.state.refused(7, Duration::from_secs(1001));
        let read = Record::read(&read.to_bytes()).unwrap();
        assert!(matches!(
            read.state.decide(Duration::from_secs(1002)),
            Decision::MustRefresh { .. }
        ));
    }

    #[test]
    fn torn_and_foreign_files_are_none_of_ours() {
        let whole = record().to_bytes();
        for length in 0..whole.len() {
            assert!(Record::read(&whole[..length]).is_none(), "torn at {length}");
        }
        for foreign in [
            &b"{}"[..],
            b"[]",
            b"eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
            br#"{"format":"oge-token/2","state":{}}"#,
            br#"{"access_token":"x"}"#,
            b"\xff\xfe",
        ] {
            assert!(Record::read(foreign).is_none());
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", record()).contains("MARKER"));
    }
}
