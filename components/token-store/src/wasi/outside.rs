//! What the store touches, through WASI.

use alloc::borrow::ToOwned;
use core::future::Future;
use core::time::Duration;

use oge_oauth::{Credentials, Given, Issued};
use oge_tools::call::{Clock as _, Sender as _};
use oge_tools::error::Fault;
use oge_tools::log::{Event, Level};
use oge_tools::token::TokenError;
use oge_tools::wasi::clock::WasiClock;
use oge_tools::wasi::http::Http;
use oge_tools::wasi::wait::{Blocking, Deadline, Wait};
use oge_tools::wasi::{settings, stderr};

use super::token_file::{Lock, TokenFile};
use crate::outside::Outside;
use crate::record::Record;
use crate::store::Store;

/// What a token answer may hold.
const ANSWER_BYTES: usize = 1 << 20;
const OPERATION: &str = "token-store";

/// How the tasks of one instance take turns.
pub trait Turns {
    /// This task's turn, until it is dropped.
    type Turn;

    /// Waits until no other task has its turn.
    fn turn(&self) -> impl Future<Output = Self::Turn>;
    /// The turn; none where another task has it.
    fn try_turn(&self) -> Option<Self::Turn>;
}

/// A component that blocks has one task.
impl Turns for Blocking {
    type Turn = ();

    async fn turn(&self) {}

    fn try_turn(&self) -> Option<()> {
        Some(())
    }
}

/// The world of one instance, in which `W` says how to wait.
#[derive(Debug)]
pub struct Wasi<W> {
    wait: W,
    /// Or the setting that is missing: a store may start with a given token and never need it.
    credentials: Result<Credentials, Fault>,
    file: Option<TokenFile>,
    log: Level,
    /// What the wall clock was ahead of the monotonic one when the instance started.
    ahead: Duration,
}

/// Reads the settings, and starts a store with what they give.
///
/// # Errors
/// Names the first setting whose value is bad.
pub fn from_settings<W: Wait + Turns>(wait: W) -> Result<(Store, Wasi<W>), TokenError> {
    let get = settings::source();
    let set = |key: &str| get(key).filter(|value| !value.trim().is_empty());
    let file = set("OGE_TOKEN_FILE").map(|path| TokenFile::find(path.trim())).transpose();
    let outside = Wasi {
        wait,
        credentials: Credentials::read(&get),
        file: file.map_err(not_configured)?,
        log: settings::log_level(),
        ahead: WasiClock.wall().saturating_sub(WasiClock.monotonic()),
    };
    let can_log_in = outside.credentials.is_ok();
    let given = Given::read(&get).map_err(not_configured)?;
    let store = given.map_or_else(Store::default, |given| {
        Store::starting_with(given, can_log_in, outside.now())
    });
    Ok((store, outside))
}

impl<W: Wait + Turns> Outside for Wasi<W> {
    type Turn = W::Turn;
    type Lock = Lock;

    fn now(&self) -> Duration {
        self.ahead.saturating_add(WasiClock.monotonic())
    }

    fn load(&self) -> Option<Record> {
        let bytes = self.file.as_ref()?.read()?;
        let record = Record::read(&bytes);
        if record.is_none() && !bytes.is_empty() {
            self.warn("OGE_TOKEN_FILE holds no token of this store; it is ignored");
        }
        record
    }

    fn save(&self, record: &Record) {
        if let Some(file) = &self.file
            && let Err(code) = file.write(&record.to_bytes())
        {
            let why = [
                "OGE_TOKEN_FILE cannot be written (",
                code.name(),
                "); this token serves this instance alone",
            ];
            self.warn(&why.concat());
        }
    }

    async fn turn(&self) -> W::Turn {
        self.wait.turn().await
    }

    fn try_turn(&self) -> Option<W::Turn> {
        self.wait.try_turn()
    }

    fn lock(&self) -> Option<Lock> {
        match &self.file {
            Some(file) => file.lock(WasiClock.wall()),
            None => Some(Lock::none()),
        }
    }

    async fn pause(&self, time: Duration) {
        if !time.is_zero() {
            self.wait.until(&Deadline::after(time)).await;
        }
    }

    async fn login(&self, limit: Duration) -> Result<Issued, TokenError> {
        let credentials =
            self.credentials.as_ref().map_err(|fault| not_configured(fault.clone()))?;
        let mut request = credentials.request();
        request.timeout = limit;
        let http = Http { wait: &self.wait, max_reply_bytes: ANSWER_BYTES };
        match http.send(&request, None).await {
            Ok(reply) => credentials.answer(reply).map_err(Into::into),
            Err(error) => Err(credentials.unanswered(&error).into()),
        }
    }

    fn warn(&self, what: &str) {
        stderr::write(self.log, OPERATION, Event::Warned(what));
    }
}

/// The setting's name, and what is wrong with it where it is there.
fn not_configured(fault: Fault) -> TokenError {
    let (name, problem) = match fault {
        Fault::Setting(name, problem) | Fault::Argument(name, problem) => (name, problem),
    };
    let is_missing = problem == "is not set";
    TokenError::NotConfigured(if is_missing {
        name.to_owned()
    } else {
        [name, ", which ", &problem].concat()
    })
}
