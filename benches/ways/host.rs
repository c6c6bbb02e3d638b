//! The component in the reference host: a fresh instance for each call.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use oge_host::{Host, NativeStore, TokenStore};
use oge_tools::token::{Token, TokenError};
use oge_tools::tools::{QueryTaskStatus, RunBigQuery, query_task_status};

use super::native::settings;
use super::{Site, Way, arguments, call};

/// A host of a site, whose log goes nowhere.
pub(crate) fn host(site: &Site) -> anyhow::Result<Host> {
    Host::builder(std::fs::read(oge_artifacts::tools())?)
        .settings(site.to_vec())
        .log(|_| {})
        .build()
}

/// The host as it comes.
pub(crate) fn host_way(site: &Site) -> anyhow::Result<Way> {
    let host = host(site)?;
    let other = host.clone();
    Ok(Way {
        name: "host",
        status: call(move || {
            let host = host.clone();
            async move {
                host.run::<QueryTaskStatus>(&arguments()).await.expect("a good platform");
            }
        }),
        query: Some(call(move || {
            let host = other.clone();
            async move {
                host.run::<RunBigQuery>(&Default::default()).await.expect("a good platform");
            }
        })),
    })
}

/// The same host with a guest that decides nothing. `name` says what it does: `bare` only sends the request,
/// `dutiful` makes every call of the host that the tools make.
pub(crate) fn undecided_way(site: &Site, name: &'static str) -> anyhow::Result<Way> {
    let host = Host::builder(std::fs::read(oge_artifacts::hostile())?)
        .settings(site.to_vec())
        .log(|_| {})
        .build()?;
    let settings = settings(site)?;
    let url = settings.dag_url().map_err(|fault| fault.into_failure("settings"))?.join("getState");
    let (authority, path) = (url.origin().authority(), url.path_and_query());
    let dag_id = format!("{name}:{authority}{path}?dagId=d");
    let told = query_task_status::Arguments { dag_id, auth_token: None };
    Ok(Way {
        name,
        status: call(move || {
            let (host, told) = (host.clone(), told.clone());
            async move {
                let done = host.run::<QueryTaskStatus>(&told).await.expect("a good platform");
                // A state is a word; what went wrong is told in several, or in JSON.
                assert!(done.output.status.chars().all(char::is_alphabetic));
            }
        }),
        query: None,
    })
}

/// A token store whose content can be changed under a host that runs.
#[derive(Clone)]
pub(crate) struct TokenSlot(Arc<Mutex<NativeStore>>);

impl TokenSlot {
    pub(crate) fn new(store: NativeStore) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    pub(crate) fn put(&self, store: NativeStore) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = store;
    }

    fn held(&self) -> NativeStore {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TokenStore for TokenSlot {
    fn get(&self) -> BoxFuture<'_, Result<Token, TokenError>> {
        let store = self.held();
        Box::pin(async move { store.get().await })
    }

    fn peek(&self) -> BoxFuture<'_, Option<Token>> {
        let store = self.held();
        Box::pin(async move { store.peek() })
    }

    fn refresh(&self, stale: Option<u64>) -> BoxFuture<'_, Result<Token, TokenError>> {
        let store = self.held();
        Box::pin(async move { store.refresh(stale).await })
    }
}
