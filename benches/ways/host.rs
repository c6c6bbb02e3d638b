//! The component in the reference host, with a new instance for each call.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use oge_host::{Host, NativeStore, TokenStore};
use oge_tools::token::{Token, TokenError};
use oge_tools::tools::{QueryTaskStatus, RunBigQuery, query_task_status};

use super::native::settings;
use super::{Site, Way, arguments, call};

/// Returns a host with these settings and no log.
pub(crate) fn host(site: &Site) -> anyhow::Result<Host> {
    Host::builder(std::fs::read(oge_artifacts::tools())?)
        .settings(site.to_vec())
        .log(|_| {})
        .build()
}

/// Returns the way through the reference host.
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

/// Returns the way through the reference host with the test guest, to separate the cost of the tools. `bare`
/// only sends the request; `dutiful` makes every host call that the tools make.
pub(crate) fn undecided_way(site: &Site, name: &'static str) -> anyhow::Result<Way> {
    let host = Host::builder(std::fs::read(oge_artifacts::hostile())?)
        .settings(site.to_vec())
        .log(|_| {})
        .build()?;
    let settings = settings(site)?;
    let url = settings.dag_url().map_err(|fault| fault.into_failure("settings"))?.join("getState");
    let (authority, path) = (url.origin().authority(), url.path_and_query());
    let dag_id = format!("{name}:{authority}{path}?dagId=d");
    let request = query_task_status::Arguments { dag_id, auth_token: None };
    Ok(Way {
        name,
        status: call(move || {
            let (host, request) = (host.clone(), request.clone());
            async move {
                let done = host.run::<QueryTaskStatus>(&request).await.expect("a good platform");
                // A state is one word. A failure has several, or is JSON.
                assert!(done.output.status.chars().all(char::is_alphabetic));
            }
        }),
        query: None,
    })
}

/// A token store that can be replaced while a host uses it.
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
