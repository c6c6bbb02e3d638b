//! A token file that anybody may have written, and the store that goes on from it.

use std::cell::Cell;
use std::time::Duration;

use futures_util::FutureExt as _;
use oge_oauth::Issued;
use oge_token_store::outside::Outside;
use oge_token_store::record::Record;
use oge_token_store::store::Store;
use oge_tools::jwt::Claims;
use oge_tools::secret::Secret;
use oge_tools::token::{Token, TokenError};

/// The longest that what a file says may hold a call off: six seconds between logins, and five that
/// another clock may be ahead.
const LONGEST: Duration = Duration::from_secs(11);

/// The file.
pub(crate) fn target(data: &[u8]) {
    let Some(record) = Record::read(data) else { return };
    let bytes = record.to_bytes();
    assert_eq!(Record::read(&bytes).expect("what was written is read").to_bytes(), bytes);

    for denies in [false, true] {
        let machine = Machine { file: data, now: Cell::new(START), logins: Cell::new(0), denies };
        assert_serves(&machine);
    }
}

/// A store that finds this file answers, soon, and never with a token that it was told is refused.
fn assert_serves(machine: &Machine<'_>) {
    let store = Store::default();
    let held = store.peek(machine);
    let first = done(store.get(machine));
    assert!(machine.logins.get() <= 1);
    assert!(machine.now.get() - START <= LONGEST, "a file made a call wait");
    if machine.denies && machine.logins.get() > 0 && first.is_ok() {
        assert_eq!(first.as_ref().ok(), held.as_ref(), "a token from nowhere");
    }
    let Ok(first) = first else { return };

    let logins = machine.logins.get();
    let second = done(store.refresh(Some(first.generation), machine));
    assert!(machine.logins.get() <= logins + 1);
    match second {
        Ok(second) => assert_ne!(second.generation, first.generation, "the refused token again"),
        Err(_) => {
            machine.now.set(machine.now.get() + LONGEST);
            let logins = machine.logins.get();
            let _ = done(store.get(machine));
            assert_eq!(machine.logins.get(), logins + 1, "denied for ever");
        }
    }
}

const START: Duration = Duration::from_secs(1_700_000_000);

/// A machine with this file, which it never lets anybody overwrite.
struct Machine<'a> {
    file: &'a [u8],
    now: Cell<Duration>,
    logins: Cell<u32>,
    /// Whether the authority refuses the credentials.
    denies: bool,
}

impl Outside for Machine<'_> {
    type Turn = ();
    type Lock = ();

    fn now(&self) -> Duration {
        self.now.get()
    }

    fn load(&self) -> Option<Record> {
        // Read once, at the start: afterwards the store's own record is as new or newer.
        Record::read(self.file).filter(|_| self.logins.get() == 0)
    }

    fn save(&self, _record: &Record) {}

    async fn turn(&self) {}

    fn try_turn(&self) -> Option<()> {
        Some(())
    }

    fn lock(&self) -> Option<()> {
        Some(())
    }

    async fn pause(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }

    async fn login(&self, _limit: Duration) -> Result<Issued, TokenError> {
        self.logins.set(self.logins.get() + 1);
        if self.denies {
            return Err(TokenError::Rejected("no".to_owned()));
        }
        let token = format!("Bearer {}", self.logins.get());
        let authorization = Secret::new(token);
        Ok(Issued { authorization, expires_in: Some(3600), claims: Claims::default() })
    }

    fn warn(&self, _what: &str) {}
}

fn done(answer: impl Future<Output = Result<Token, TokenError>>) -> Result<Token, TokenError> {
    answer.now_or_never().expect("nothing here waits")
}
