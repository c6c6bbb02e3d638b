//! What the store touches, through WASI.

use alloc::borrow::ToOwned;
use core::time::Duration;

use oge_oauth::{Credentials, Issued, given_token};
use oge_tools::call::{Clock as _, Sender as _};
use oge_tools::error::Fault;
use oge_tools::jwt::Claims;
use oge_tools::log::{Event, Level};
use oge_tools::token::TokenError;
use oge_tools::wasi::clock::WasiClock;
use oge_tools::wasi::http::Http;
use oge_tools::wasi::wait::{Blocking, block_on};
use oge_tools::wasi::{settings, stderr};
use wasip2::clocks::monotonic_clock::subscribe_duration;

use super::token_file::{Lock, TokenFile};
use crate::record::Record;
use crate::store::{Outside, Store};

/// What a token answer may hold.
const ANSWER_BYTES: usize = 1 << 20;
const OPERATION: &str = "token-store";

/// The world of one instance.
pub(super) struct Wasi {
    /// Or the setting that is missing: a store may start with a given token and never need it.
    credentials: Result<Credentials, Fault>,
    file: Option<TokenFile>,
    log: Level,
    /// What the wall clock was ahead of the monotonic one when the instance started.
    ahead: Duration,
}

impl Wasi {
    /// Reads the settings, and starts a store with what they give.
    pub(super) fn from_settings() -> Result<(Store, Self), TokenError> {
        let get = settings::source();
        let set = |key: &str| get(key).filter(|value| !value.trim().is_empty());
        let file = set("OGE_TOKEN_FILE").map(|path| TokenFile::find(path.trim())).transpose();
        let outside = Self {
            credentials: Credentials::read(&get),
            file: file.map_err(not_configured)?,
            log: settings::log_level(),
            ahead: WasiClock.wall().saturating_sub(WasiClock.monotonic()),
        };
        let given = given_token(&get).map_err(not_configured)?;
        let store = given.map_or_else(Store::default, |given| {
            let mut claims = Claims::read(given.expose()).unwrap_or_default();
            if outside.credentials.is_err() {
                // Without a login to fall back on, only the platform can end it.
                claims.expires_at = None;
            }
            Store::starting_with(given, &claims, outside.now())
        });
        Ok((store, outside))
    }
}

impl Outside for Wasi {
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

    fn lock(&self) -> Option<Lock> {
        match &self.file {
            Some(file) => file.lock(WasiClock.wall()),
            None => Some(Lock::none()),
        }
    }

    fn pause(&self, time: Duration) {
        if !time.is_zero() {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            subscribe_duration(nanoseconds).block();
        }
    }

    fn login(&self, limit: Duration) -> Result<Issued, TokenError> {
        let credentials =
            self.credentials.as_ref().map_err(|fault| not_configured(fault.clone()))?;
        let mut request = credentials.request();
        request.timeout = limit;
        let http = Http { wait: Blocking, max_reply_bytes: ANSWER_BYTES };
        match block_on(http.send(&request, None)) {
            Ok(reply) => credentials.answer(reply),
            Err(error) => Err(credentials.unanswered(&error)),
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
