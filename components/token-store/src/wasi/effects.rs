//! The effects of the token store, implemented with WASI.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::future::Future;
use core::time::Duration;

use oge_token::timing::LOCK_BEAT;
use oge_token::{
    ConfiguredToken, Credentials, Etcd, EtcdSettings, Issued, Lock, LoginError, Medium, Store,
    StoreEffects, TokenFile, not_configured,
};
use oge_tools::client::{Clock as _, Transport as _, TransportError};
use oge_tools::error::Fault;
use oge_tools::log::{Event, Log};
use oge_tools::request::Request;
use oge_tools::response::Response;
use oge_tools::secret::Secret;
use oge_tools::settings::FILE_PROBLEM;
use oge_tools::token::TokenError;
use oge_tools::wasi::clock::WasiClock;
use oge_tools::wasi::http::Http;
use oge_tools::wasi::stderr;
use oge_tools::wasi::wait::{Blocking, Deadline, Wait};
use wasip2::io::poll::Pollable;

use super::directory::OpenedDirectory;
use super::etcd::EtcdTransport;
use super::settings;

/// The largest response of a login, and of etcd.
const MAX_RESPONSE_BYTES: usize = 1 << 20;
const OPERATION: &str = "token-store";

/// The mutex that the tasks of one instance share.
pub trait LoginLocks {
    /// The guard. Dropping it unlocks the mutex.
    type LoginLock;

    /// Waits for the lock.
    fn lock_login(&self) -> impl Future<Output = Self::LoginLock>;
    /// Returns the lock, or `None` if another task holds it.
    fn try_lock_login(&self) -> Option<Self::LoginLock>;
}

/// A component that blocks has one task, so the lock is always free.
impl LoginLocks for Blocking {
    type LoginLock = ();

    async fn lock_login(&self) {}

    fn try_lock_login(&self) -> Option<()> {
        Some(())
    }
}

/// The effects of one instance. `W` waits for pollables.
#[derive(Debug)]
pub struct WasiEffects<W> {
    wait: W,
    /// An error names the missing setting: a store that starts with a given token may never need credentials.
    credentials: Result<Credentials, Fault>,
    log: Log,
    /// How far the wall clock was ahead of the monotonic clock when the instance started.
    ahead: Duration,
}

/// How many stores an instance keeps, so that changing a settings file and changing it back loses no rejection.
const MAX_STORES: usize = 8;

/// The stores that an instance has started, each with the settings of its login. The newest is last.
#[derive(Debug)]
pub struct TokenStores<S> {
    version: Option<u32>,
    started: Vec<(Vec<Option<Secret>>, S)>,
}

impl<S> Default for TokenStores<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> TokenStores<S> {
    /// Returns an empty list of stores.
    #[must_use]
    pub const fn new() -> Self {
        Self { version: None, started: Vec::new() }
    }

    /// Returns the store of the current settings. Starts it if there is none.
    ///
    /// # Errors
    /// Returns the error of `start`.
    pub fn newest(
        &mut self,
        start: impl FnOnce() -> Result<S, TokenError>,
    ) -> Result<&S, TokenError> {
        let version = settings::version();
        if self.version != Some(version) {
            let login = settings::login();
            let known = self.started.iter().position(|(of, _)| *of == login);
            let newest = match known {
                Some(at) => self.started.remove(at),
                None => (login, start()?),
            };
            if self.started.len() == MAX_STORES {
                self.started.remove(0);
            }
            self.started.push(newest);
            self.version = Some(version);
        }
        let newest = self.started.last().map(|(_, store)| store);
        newest.ok_or_else(|| TokenError::Unavailable("no token store was started".into()))
    }
}

/// Starts a store with the current settings.
///
/// # Errors
/// Names the first setting whose value is bad.
pub fn from_settings<W: Wait + LoginLocks + Clone>(
    wait: W,
) -> Result<Store<WasiEffects<W>>, TokenError> {
    let get = settings::source();
    if let Some(problem) = get(FILE_PROBLEM) {
        let fault = Fault::Setting("OGE_SETTINGS_FILE", problem);
        return Err(TokenError::NotConfigured(not_configured(fault)));
    }
    let set = |key: &str| get(key).filter(|value| !value.trim().is_empty());
    let bad = |fault| TokenError::NotConfigured(not_configured(fault));
    let credentials = Credentials::read(&get);
    let given = ConfiguredToken::read(&get).map_err(bad)?;
    let etcd = EtcdSettings::read(&get).map_err(bad)?;
    // etcd replaces a file.
    let path = set("OGE_TOKEN_FILE").filter(|_| etcd.is_none());
    let opened = path.map(|path| OpenedDirectory::find(path.trim())).transpose().map_err(bad)?;
    // Without credentials and a given token there is no token to keep.
    let account = match (&credentials, &given) {
        (Ok(credentials), _) => Some(credentials.account()),
        (Err(_), given) => given.as_ref().map(ConfiguredToken::account),
    };
    let ahead = WasiClock.wall().saturating_sub(WasiClock.monotonic());
    let medium = match (etcd, opened, account) {
        (Some(settings), _, Some(account)) => {
            let transport = EtcdTransport { wait: wait.clone(), ahead };
            Medium::Etcd(Etcd::new(settings, &account, transport))
        }
        (None, Some((directory, name)), Some(account)) => {
            Medium::File(TokenFile::new(directory, &name, &account))
        }
        _ => Medium::Memory,
    };
    let effects = WasiEffects { wait, credentials, log: Log::read(&get), ahead };
    Ok(Store::new(effects, medium, given))
}

impl<W: Wait + LoginLocks + Clone> StoreEffects for WasiEffects<W> {
    type Shared<T> = RefCell<T>;
    type LoginLock = W::LoginLock;
    type Directory = OpenedDirectory;
    type Transport = EtcdTransport<W>;

    fn now(&self) -> Duration {
        now(self.ahead)
    }

    async fn lock_login(&self) -> W::LoginLock {
        self.wait.lock_login().await
    }

    fn try_lock_login(&self) -> Option<W::LoginLock> {
        self.wait.try_lock_login()
    }

    async fn pause(&self, time: Duration, lock: Option<&Lock<OpenedDirectory>>) {
        if !time.is_zero() {
            self.beating(lock).until(&Deadline::after(time)).await;
        }
    }

    fn can_log_in(&self) -> bool {
        self.credentials.is_ok()
    }

    fn digest(&self, salt: &[u8]) -> String {
        self.credentials.as_ref().map_or_else(|_| String::new(), |known| known.digest(salt))
    }

    async fn login(
        &self,
        limit: Duration,
        lock: Option<&Lock<OpenedDirectory>>,
    ) -> Result<Issued, LoginError> {
        let credentials = self.credentials.as_ref();
        let credentials = credentials
            .map_err(|fault| LoginError::NotConfigured(not_configured(fault.clone())))?;
        let mut request = credentials.request();
        request.timeout = limit;
        let sent = send(Beating { wait: &self.wait, lock, ahead: self.ahead }, &request);
        match sent.await {
            Ok(response) => credentials.read_response(response),
            Err(error) => Err(credentials.no_response(&error)),
        }
    }

    fn warn(&self, what: &str) {
        stderr::write(self.log, OPERATION, Event::Warning(what), None);
    }

    fn info(&self, what: &str) {
        stderr::write(self.log, OPERATION, Event::Info(what), None);
    }
}

impl<W> WasiEffects<W> {
    const fn beating<'a>(&'a self, lock: Option<&'a Lock<OpenedDirectory>>) -> Beating<'a, W> {
        Beating { wait: &self.wait, lock, ahead: self.ahead }
    }
}

fn now(ahead: Duration) -> Duration {
    ahead.saturating_add(WasiClock.monotonic())
}

/// Sends a request of the store. One function for logins and etcd, because each kind of [`Wait`] compiles all of
/// HTTP once more.
pub(super) async fn send<W: Wait>(
    wait: Beating<'_, W>,
    request: &Request,
) -> Result<Response, TransportError> {
    Http { wait, max_reply_bytes: MAX_RESPONSE_BYTES }.send(request, None).await
}

/// Waits, and rewrites the lock file every [`LOCK_BEAT`] to show that its holder is alive. A component that
/// blocks can do so only between two polls.
pub(super) struct Beating<'a, W> {
    pub(super) wait: &'a W,
    pub(super) lock: Option<&'a Lock<OpenedDirectory>>,
    pub(super) ahead: Duration,
}

impl<W: Wait> Wait for Beating<'_, W> {
    async fn ready(&self, pollable: &Rc<Pollable>, deadline: &Deadline) -> bool {
        let Some(lock) = self.lock else { return self.wait.ready(pollable, deadline).await };
        loop {
            let beat = Deadline::after(LOCK_BEAT.min(deadline.left()));
            if self.wait.ready(pollable, &beat).await {
                return true;
            }
            if deadline.has_passed() {
                return false;
            }
            lock.beat(now(self.ahead));
        }
    }
}
