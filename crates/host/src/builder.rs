//! What a host is made of.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use oge_token::Given;
use oge_tools::error::Fault;
use oge_tools::secret::Secret;
use oge_tools::settings::{self, Settings};
use oge_tools::url::Origin;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::bindings::OgeToolsPre;
use crate::client::HttpClient;
use crate::engine::Pool;
use crate::guest_log::LogSink;
use crate::host::{Host, Inner};
use crate::known::Known;
use crate::limits::Limits;
use crate::password_login::PasswordLogin;
use crate::state::State;
use crate::store::NativeStore;
use crate::token_store::TokenStore;

/// What a component needs besides what its responses take.
const BASE_MEMORY: usize = 16 << 20;

/// How often a response may be in a component's memory: as the pieces in which it arrived, as the text that is
/// handed on, and twice in values that are read from it.
const COPIES_OF_A_RESPONSE: usize = 4;

/// How many calls there is room for where nobody says.
const CALLS_AT_ONCE: u32 = 1000;

/// Describes a host; [`Host::builder`] starts one.
pub struct HostBuilder {
    component: Cow<'static, [u8]>,
    /// Some are passwords, so each is held as one.
    settings: BTreeMap<String, Secret>,
    allowed: Vec<Origin>,
    tokens: Option<Arc<dyn TokenStore>>,
    token_file: Option<PathBuf>,
    log: Option<LogSink>,
    limits: Limits,
    calls_at_once: Option<u32>,
}

impl HostBuilder {
    pub(crate) fn new(component: Cow<'static, [u8]>) -> Self {
        Self {
            component,
            settings: BTreeMap::new(),
            allowed: Vec::new(),
            tokens: None,
            token_file: None,
            log: None,
            limits: Limits::default(),
            calls_at_once: None,
        }
    }

    /// Settings, such as [`environment`](crate::environment()) returns; those whose name starts with `OGE_` are taken, and of
    /// these only the tools' own ever reach the sandbox.
    #[must_use]
    pub fn settings<K: Into<String>, V: Into<String>>(
        mut self,
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let settings = settings.into_iter().map(|(key, value)| (key.into(), Secret::new(value)));
        self.settings
            .extend(settings.filter(|(key, _): &(String, Secret)| key.starts_with("OGE_")));
        self
    }

    /// One more origin that the component may send requests to. Those of the settings always are.
    #[must_use]
    pub fn allow(mut self, origin: Origin) -> Self {
        self.allowed.push(origin);
        self
    }

    /// Where the token lives. By default a [`NativeStore`] that logs in as the settings say.
    #[must_use]
    pub fn token_store(mut self, tokens: impl TokenStore) -> Self {
        self.tokens = Some(Arc::new(tokens));
        self
    }

    /// Keeps the token, and what is known of logins, in a file: `path` with the account's name behind it.
    /// Other processes that name the same file share the token and its logins. Without this they are kept
    /// in memory. The directory must be there; keep it at mode 0700.
    #[must_use]
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token_file = Some(path.into());
        self
    }

    /// Takes the component's log, a line at a time, and the host's own warnings. By default standard
    /// error.
    #[must_use]
    pub fn log(mut self, sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.log = Some(Arc::new(sink));
        self
    }

    /// What one call may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How many calls run at one time, at least one; more wait for their turn. By default 1,000, which takes
    /// some milliseconds when the process's first host is built. Hosts of one process that say the same share
    /// the room; each other number takes 4 GiB of address space a call, for as long as the process lives. Where
    /// there is not so much (some 30,000 calls on x86-64), instances are made one by one, which takes longer.
    #[must_use]
    pub fn calls_at_once(mut self, calls: u32) -> Self {
        self.calls_at_once = Some(calls);
        self
    }

    /// Compiles the component and makes the host.
    ///
    /// # Errors
    /// Where a setting is bad, or the component cannot be loaded or is of another world.
    pub fn build(self) -> anyhow::Result<Host> {
        let get = |key: &str| self.settings.get(key).map(|value| value.expose().to_owned());
        let settings = Settings::read(get).map_err(bad_setting)?;
        let memory = self
            .limits
            .memory
            .unwrap_or(COPIES_OF_A_RESPONSE * settings.max_reply_bytes + BASE_MEMORY);
        let ca_file = get("OGE_CA_FILE").filter(|path| !path.trim().is_empty());
        let client = HttpClient::new(ca_file.as_deref().map(Path::new))?;
        let known = Known::from_settings(get);
        let log = self.log.clone().unwrap_or_else(|| Arc::new(to_stderr));
        let tokens = match self.tokens {
            Some(tokens) => tokens,
            None => {
                let given = Given::read(get).map_err(bad_setting)?;
                let login = PasswordLogin::new(client.clone(), get);
                let account = login.account().or_else(|| given.as_ref().map(Given::account));
                let log = Arc::clone(&log);
                Arc::new(match self.token_file.zip(account) {
                    Some((path, account)) => {
                        NativeStore::with_file(login, given, log, &path, &account)
                    }
                    None => NativeStore::new(login, given, log),
                })
            }
        };
        let pool = Pool::of(self.calls_at_once.unwrap_or(CALLS_AT_ONCE).max(1))?;
        let component = load(&pool.engine, self.component)
            .map_err(anyhow::Error::from)
            .context("the bytes are no component that this host can run")?;
        let allowed = settings.origins().cloned().chain(self.allowed).collect();
        let own = |(key, _): &(&String, &Secret)| settings::list::TOOLS.contains(&key.as_str());
        let own = self.settings.iter().filter(own);
        let environment = own.map(|(key, value)| (key.clone(), value.expose().to_owned()));
        Ok(Host(Arc::new(Inner {
            pool,
            component,
            environment: environment.collect(),
            settings,
            allowed,
            client,
            tokens,
            log: known.redacting(log),
            known,
            limits: self.limits,
            memory,
        })))
    }
}

/// A closed pipe must not end the host.
fn to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Compiling takes longer than all else that a host does, and the hosts of one process mostly run the
/// same component on one engine: the last few are kept, by their bytes.
fn load(engine: &Engine, bytes: Cow<'static, [u8]>) -> wasmtime::Result<OgeToolsPre<State>> {
    const KEPT: usize = 4;
    type Compiled = (Cow<'static, [u8]>, OgeToolsPre<State>);
    static COMPILED: Mutex<Vec<Compiled>> = Mutex::new(Vec::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same =
        |(of, component): &&Compiled| *of == bytes && Engine::same(component.engine(), engine);
    if let Some((_, component)) = compiled.iter().find(is_same) {
        return Ok(component.clone());
    }
    let component = Component::new(engine, &bytes)?;
    let component = OgeToolsPre::new(State::linker(engine)?.instantiate_pre(&component)?)?;
    compiled.truncate(KEPT - 1);
    compiled.insert(0, (bytes, component.clone()));
    Ok(component)
}

fn bad_setting(fault: Fault) -> anyhow::Error {
    anyhow::Error::new(fault.into_failure("settings"))
}
