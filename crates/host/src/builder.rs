//! The builder of a host.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use oge_token::{ConfiguredToken, EtcdSettings};
use oge_tools::error::Fault;
use oge_tools::log::{Format, json};
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
use crate::known::HostSecrets;
use crate::limits::Limits;
use crate::password_login::PasswordLogin;
use crate::state::State;
use crate::store::{NativeStore, wall_clock};
use crate::token_store::TokenStore;

/// The memory that a component needs besides its responses, in bytes.
const BASE_MEMORY: usize = 16 << 20;

/// How many copies of a response a component may hold at once: the chunks that arrived, the text that it
/// returns, and two in parsed values.
const COPIES_OF_A_RESPONSE: usize = 4;

/// The default of [`HostBuilder::calls_at_once`].
const CALLS_AT_ONCE: u32 = 1000;

/// Builds a [`Host`]. Start with [`Host::builder`].
pub struct HostBuilder {
    component: Cow<'static, [u8]>,
    /// Each value is a `Secret`, because some are passwords.
    settings: BTreeMap<String, Secret>,
    allowed: Vec<Origin>,
    tokens: Option<Arc<dyn TokenStore>>,
    token_file: Option<PathBuf>,
    log: Option<LogSink>,
    secrets: HostSecrets,
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
            secrets: HostSecrets::default(),
            limits: Limits::default(),
            calls_at_once: None,
        }
    }

    /// Adds settings, for example those that [`environment`](crate::environment()) returns. Ignores names that
    /// do not start with `OGE_`. Only the tools' own settings reach the sandbox.
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

    /// Allows requests to one more origin. The origins of the settings are always allowed.
    #[must_use]
    pub fn allow(mut self, origin: Origin) -> Self {
        self.allowed.push(origin);
        self
    }

    /// Shares the known secrets with other hosts: each hides those of all. The default knows this host's.
    #[must_use]
    pub fn secrets(mut self, secrets: HostSecrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Sets the token store. The default is a [`NativeStore`] that logs in with the settings.
    #[must_use]
    pub fn token_store(mut self, tokens: impl TokenStore) -> Self {
        self.tokens = Some(Arc::new(tokens));
        self
    }

    /// Keeps the token and the state of its logins in a file, whose name is `path` followed by the account's
    /// name. Processes that use the same file share the token and its logins. The default is memory, or etcd if
    /// the settings name it (`OGE_TOKEN_ETCD`), which also replaces a file. The directory must exist; give it mode
    /// 0700.
    #[must_use]
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token_file = Some(path.into());
        self
    }

    /// Sets the sink of the component's log lines and of the host's warnings. The default is standard error.
    #[must_use]
    pub fn log(mut self, sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.log = Some(Arc::new(sink));
        self
    }

    /// Sets what one call may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how many calls run at the same time, at least one; further calls wait. The default is 1,000.
    ///
    /// Each number used in a process reserves 4 GiB of address space a call until the process ends; hosts
    /// with the same number share it. If the address space is too small (about 30,000 calls on x86-64),
    /// instances are allocated one by one, which is slower.
    #[must_use]
    pub fn calls_at_once(mut self, calls: u32) -> Self {
        self.calls_at_once = Some(calls);
        self
    }

    /// Compiles the component and builds the host.
    ///
    /// # Errors
    /// Fails if a setting is bad, or if the component cannot be loaded or does not fit the world `oge-tools`.
    pub fn build(self) -> anyhow::Result<Host> {
        let get = |key: &str| self.settings.get(key).map(|value| value.expose().to_owned());
        let settings = Settings::read(get).map_err(bad_setting)?;
        let memory = self
            .limits
            .memory
            .unwrap_or(COPIES_OF_A_RESPONSE * settings.max_reply_bytes + BASE_MEMORY);
        let ca_file = get("OGE_CA_FILE").filter(|path| !path.trim().is_empty());
        let client = HttpClient::new(ca_file.as_deref().map(Path::new))?;
        let known = self.secrets;
        known.add_settings(get);
        let log = self.log.clone().unwrap_or_else(|| Arc::new(to_stderr));
        let tokens = match self.tokens {
            Some(tokens) => tokens,
            None => {
                let given = ConfiguredToken::read(get).map_err(bad_setting)?;
                let login = PasswordLogin::new(client.clone(), get);
                let account =
                    login.account().or_else(|| given.as_ref().map(ConfiguredToken::account));
                let log = in_format(settings.log.format, Arc::clone(&log));
                let etcd = EtcdSettings::read(get).map_err(bad_setting)?;
                // etcd replaces a file.
                Arc::new(match (etcd, self.token_file, account) {
                    (Some(etcd), _, Some(account)) => {
                        NativeStore::with_etcd(login, given, log, etcd, &account, client.clone())
                    }
                    (None, Some(path), Some(account)) => {
                        NativeStore::with_file(login, given, log, &path, &account)
                    }
                    _ => NativeStore::new(login, given, log),
                })
            }
        };
        let pool = Pool::of(self.calls_at_once.unwrap_or(CALLS_AT_ONCE).max(1))?;
        let component = load(&pool.engine, self.component)
            .map_err(anyhow::Error::from)
            .context("this host cannot load the component")?;
        let allowed = settings.origins().cloned().chain(self.allowed).collect();
        let is_for_tools =
            |(key, _): &(&String, &Secret)| settings::list::TOOLS.contains(&key.as_str());
        let for_tools = self.settings.iter().filter(is_for_tools);
        let environment = for_tools.map(|(key, value)| (key.clone(), value.expose().to_owned()));
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

/// Returns a sink for text lines that writes them in this format.
fn in_format(format: Format, log: LogSink) -> LogSink {
    match format {
        Format::Text => log,
        Format::Json => Arc::new(move |line| log(json::of_text(line, wall_clock()).trim_end())),
    }
}

/// Ignores write errors: a closed pipe must not end the host.
fn to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Compiles a component, or returns one of the last few that were compiled from the same bytes for the same
/// engine: compiling takes longer than everything else that building a host does.
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
