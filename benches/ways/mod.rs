//! The ways to make a call that are compared. Each asks the same platform for the same thing.

mod client;
mod command_line;
mod host;
mod mcp;
mod native;
mod old;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub(crate) use self::client::Client;
pub(crate) use self::command_line::{Served, precompiled, wasmtime};
pub(crate) use self::host::{TokenSlot, host, host_way};
pub(crate) use self::mcp::{over_http, over_stdio};
pub(crate) use self::native::{Native, arguments, settings, store};
pub(crate) use self::old::OldWay;

/// The settings of a platform and an account there, by key.
pub(crate) type Site = [(String, String)];

/// Makes one call; one that fails ends the run.
pub(crate) type Call = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A call made by what `make` returns.
pub(crate) fn call<F: Future<Output = ()> + Send + 'static>(
    make: impl Fn() -> F + Send + Sync + 'static,
) -> Call {
    Arc::new(move || Box::pin(make()))
}

/// A way that asks for a task's state, a GET with a short answer, and one that queries, whose answer is as
/// long as the platform was told.
pub(crate) struct Way {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    /// Asks for a task's state.
    pub(crate) status: Call,
    /// Queries.
    pub(crate) query: Call,
}
