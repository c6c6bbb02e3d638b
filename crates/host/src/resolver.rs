//! The system's name resolution, with an error type that can be found in a chain of errors.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use futures_util::future::{BoxFuture, FutureExt as _};
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

/// A name that could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("the host name could not be resolved")]
pub(crate) struct Unresolved(#[source] pub(crate) io::Error);

type Addresses = vec::IntoIter<SocketAddr>;

/// Resolves names with the system's resolver on a blocking thread. A call does not wait for it past its
/// deadline; the thread ends when the system's resolver returns.
#[derive(Clone)]
pub(crate) struct Resolver(Arc<Lookup>);

/// Resolves a name and blocks meanwhile.
type Lookup = dyn Fn(&str) -> io::Result<Addresses> + Send + Sync;

impl Default for Resolver {
    fn default() -> Self {
        Self(Arc::new(resolve))
    }
}

fn resolve(name: &str) -> io::Result<Addresses> {
    // The connector sets the port.
    (name, 0).to_socket_addrs()
}

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = Unresolved;
    type Future = BoxFuture<'static, Result<Addresses, Unresolved>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolve = Arc::clone(&self.0);
        let resolving = tokio::task::spawn_blocking(move || resolve(name.as_str()));
        async { resolving.await.unwrap_or_else(|error| Err(error.into())).map_err(Unresolved) }
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};
    use std::time::Duration;

    use oge_mock_platform::{Mock, Options};
    use oge_tools::error::FailureKind;
    use oge_tools::tools::{QueryTaskStatus, query_task_status};
    use tokio::time::Instant;

    use super::*;
    use crate::{CallError, Host, HttpClient};

    const DEADLINE: Duration = Duration::from_secs(2);

    /// A resolver whose threads hang until the sender is dropped.
    fn hanging() -> (Resolver, mpsc::Sender<()>) {
        let (hold, held) = mpsc::channel();
        let held = Mutex::new(held);
        let hang = move |name: &str| {
            let _ = held.lock().expect("no thread panics while it holds the lock").recv();
            resolve(name)
        };
        (Resolver(Arc::new(hang)), hold)
    }

    #[tokio::test]
    async fn a_hanging_resolver_delays_a_call_until_its_deadline_only() {
        let mock = Mock::start(Options::default()).await.unwrap();
        mock.start_task("d");
        let mut settings = mock.settings();
        for (key, value) in &mut settings {
            if key == "OGE_DAG_URL" {
                *value = value.replace("127.0.0.1", "localhost");
            }
        }
        settings.push(("OGE_TIMEOUT_SECONDS".to_owned(), DEADLINE.as_secs().to_string()));
        let mut host = Host::builder(std::fs::read(oge_artifacts::tools()).unwrap())
            .settings(settings)
            .log(|_| {})
            .build()
            .unwrap();
        let (resolver, hold) = hanging();
        let inner = Arc::get_mut(&mut host.0).expect("the host is not shared yet");
        inner.client = HttpClient::resolving_with(resolver, None).unwrap();

        let arguments = query_task_status::Arguments { dag_id: "d".to_owned(), auth_token: None };
        let started = Instant::now();
        let result = host.run::<QueryTaskStatus>(&arguments).await;
        let elapsed = started.elapsed();
        let Err(CallError::Failure(failure)) = result else { panic!("{result:?}") };
        assert_eq!((failure.kind, failure.attempts), (FailureKind::Timeout, 1), "{failure}");
        // Twice the deadline, because the machine may be busy.
        assert!(elapsed >= DEADLINE && elapsed < 2 * DEADLINE, "{elapsed:?}");

        drop(hold);
        let done = host.run::<QueryTaskStatus>(&arguments).await.unwrap();
        assert_eq!((done.output.status.as_str(), done.attempts), ("starting", 1));
    }
}
