//! The compared ways to make a call. All send the same requests to the same mock.

mod client;
mod command_line;
mod host;
mod mcp;
mod native;
mod old;
mod served;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use tokio::runtime::Runtime;

use self::client::Wire;
use self::command_line::{serve, served};
use self::host::undecided_way;
use self::mcp::{oge, over_http, over_stdio};
use self::served::Served;
use crate::mock::MockProcess;

pub(crate) use self::command_line::{precompiled, wasmtime};
pub(crate) use self::host::{TokenSlot, host, host_way};
pub(crate) use self::native::{Native, arguments, store};
pub(crate) use self::old::OldWay;

/// The settings of a platform and an account there, by key.
pub(crate) type Site = [(String, String)];

/// Makes one call. A failure ends the run.
pub(crate) type Call = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Returns a call that runs the future of `make`.
pub(crate) fn call<F: Future<Output = ()> + Send + 'static>(
    make: impl Fn() -> F + Send + Sync + 'static,
) -> Call {
    Arc::new(move || Box::pin(make()))
}

/// A way to make two calls: a task's state, with a short response, and a query, whose response has the size
/// that the mock is set to.
pub(crate) struct Way {
    /// Its name in the tables.
    pub(crate) name: &'static str,
    /// Asks for a task's state.
    pub(crate) status: Call,
    /// Queries. `None` for the gateway and the test guest.
    pub(crate) query: Option<Call>,
}

/// Returns every way in the order of the tables.
pub(crate) fn all(mock: &mut MockProcess, runtime: &Runtime) -> anyhow::Result<Vec<Way>> {
    let mut ways = vec![
        Wire::wire(mock)?,
        Native::way(mock.settings())?,
        host_way(mock.settings())?,
        undecided_way(mock.settings(), "bare")?,
        undecided_way(mock.settings(), "dutiful")?,
        served(mock)?,
    ];
    ways.push(runtime.block_on(over_stdio(mock))?.way("mcp stdio"));
    ways.push(runtime.block_on(oge(mock))?.way("oge mcp"));
    ways.push(runtime.block_on(over_http(mock))?.way("mcp http"));
    Ok(ways)
}
