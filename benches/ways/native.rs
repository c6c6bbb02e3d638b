//! The call rule and the host's token store compiled natively: the lower bound for any sandbox.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use oge_host::{ConfiguredToken, HttpClient, NativeStore, PasswordLogin};
use oge_tools::client::{Client, Clock};
use oge_tools::log::{Event, Level};
use oge_tools::settings::Settings;
use oge_tools::token::{Token, TokenError, TokenStore};
use oge_tools::tools::{QueryTaskStatus, Run, RunBigQuery, query_task_status};

use super::{Site, Way, Wire, call};
use crate::timing::now;

/// Returns the arguments of every way.
pub(crate) fn arguments() -> query_task_status::Arguments {
    query_task_status::Arguments { dag_id: "d".to_owned(), auth_token: None }
}

fn get(site: &Site) -> impl Fn(&str) -> Option<String> {
    |key| site.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
}

pub(crate) fn settings(site: &Site) -> anyhow::Result<Settings> {
    Ok(Settings::read(get(site)).map_err(|fault| fault.into_failure("settings"))?)
}

/// The tools, compiled natively. Clones share everything.
#[derive(Clone)]
pub(crate) struct Native(Arc<Parts>);

struct Parts {
    settings: Settings,
    client: Wire,
    store: NativeStore,
    clock: Started,
}

impl Native {
    pub(crate) fn new(site: &Site) -> anyhow::Result<Self> {
        let (settings, store) = (settings(site)?, store(site)?);
        let client = Wire::new(&settings);
        Ok(Self(Arc::new(Parts { settings, client, store, clock: Started(now()) })))
    }

    /// Returns the same tools with another token store.
    pub(crate) fn with(&self, store: NativeStore) -> Self {
        let Parts { settings, client, clock, .. } = &*self.0;
        let (settings, client, clock) = (settings.clone(), client.clone(), *clock);
        Self(Arc::new(Parts { settings, client, store, clock }))
    }

    pub(crate) async fn run<T: Run>(&self, arguments: T::Arguments) {
        let parts = &*self.0;
        let level = parts.settings.log.level;
        let client = Client {
            settings: parts.settings.clone(),
            transport: parts.client.clone(),
            token_store: Held(&parts.store),
            clock: parts.clock,
            // Formats each log line and discards it.
            redactor: oge_tools::secret::Redactor::default(),
            trace: None,
            observe: move |operation: &str, event: Event<'_>| log(level, operation, event),
        };
        client.run::<T>(arguments).await.expect("a good platform");
    }

    pub(crate) fn way(site: &Site) -> anyhow::Result<Way> {
        let native = Self::new(site)?;
        let other = native.clone();
        Ok(Way {
            name: "native",
            status: call(move || {
                let native = native.clone();
                async move { native.run::<QueryTaskStatus>(arguments()).await }
            }),
            query: Some(call(move || {
                let native = other.clone();
                async move { native.run::<RunBigQuery>(Default::default()).await }
            })),
        })
    }
}

/// Returns a token store like a host's.
pub(crate) fn store(site: &Site) -> anyhow::Result<NativeStore> {
    let given = ConfiguredToken::read(get(site)).map_err(|fault| fault.into_failure("settings"))?;
    let login = PasswordLogin::new(HttpClient::new(None)?, get(site));
    Ok(NativeStore::new(login, given, Arc::new(|_| {})))
}

fn log(level: Level, operation: &str, event: Event<'_>) {
    if event.level() <= level {
        std::hint::black_box(event.line(operation));
    }
}

struct Held<'a>(&'a NativeStore);

impl TokenStore for Held<'_> {
    async fn get(&self) -> Result<Token, TokenError> {
        self.0.get().await
    }

    async fn peek(&self) -> Option<Token> {
        self.0.peek()
    }

    async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        self.0.refresh(stale).await
    }
}

#[derive(Clone, Copy)]
struct Started(Instant);

impl Clock for Started {
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the shell that provides the time")]
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
