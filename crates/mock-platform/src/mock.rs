//! The handle that a test holds.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::sync::broadcast;

use crate::account_lock::AccountLock;
use crate::clock;
use crate::delivery::Delivery;
use crate::expired::ExpiredForm;
use crate::fault::Fault;
use crate::options::{Options, TokenStyle};
use crate::platform::Platform;
use crate::received::Received;
use crate::record::{Event, Outcome, Recorded};
use crate::response::{self, Response};
use crate::route::{self, Route};
use crate::routes;
use crate::server::Server;

/// How many connections may wait to be accepted: as many callers as anything here makes at once.
const MOST_WAITING: i32 = 1024;

/// A running mock. Dropped, it closes every connection and its port before it returns.
///
/// All methods act on the requests that are decided after they return.
pub struct Mock {
    origin: String,
    shared: Arc<Shared>,
    _server: Server,
}

/// What the handle and the connections have in common.
pub(crate) struct Shared {
    style: TokenStyle,
    platform: Mutex<Platform>,
}

impl Shared {
    /// No code panics while it holds this lock, so a poisoned one is as good as any.
    fn platform(&self) -> MutexGuard<'_, Platform> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn decide(&self, request: &Received) -> (Duration, Delivery) {
        let call = routes::read(request, self.style);
        let now = clock::now();
        self.platform().decide(request, call, now)
    }
}

impl Mock {
    /// Starts a mock on 127.0.0.1. It needs no runtime of its caller's.
    ///
    /// # Errors
    /// The port is taken, or the system is out of sockets or threads.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        // Callers that find the queue full, which std makes 128 long, try again after a second.
        SockRef::from(&listener).listen(MOST_WAITING)?;
        let origin = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            style: options.token_style,
            platform: Mutex::new(Platform::new(options, origin.clone())),
        });
        Ok(Self { origin, shared: shared.clone(), _server: Server::start(listener, shared).await? })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// `OGE_API_URL`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}{}", self.origin, route::PROCESS)
    }

    /// `OGE_DAG_URL`.
    #[must_use]
    pub fn dag_url(&self) -> String {
        format!("{}{}", self.origin, route::DAG)
    }

    /// `OGE_TOKEN_URL`.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}{}", self.origin, route::TOKEN)
    }

    /// Every setting that it takes to use this mock, by key. It holds the password and secret.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let credentials = self.platform().credentials.clone();
        [
            ("OGE_API_URL", self.api_url()),
            ("OGE_DAG_URL", self.dag_url()),
            ("OGE_TOKEN_URL", self.token_url()),
            ("OGE_TOKEN_USERNAME", credentials.username.clone()),
            ("OGE_TOKEN_PASSWORD", credentials.password),
            ("OGE_CLIENT_ID", credentials.client_id),
            ("OGE_CLIENT_SECRET", credentials.client_secret),
            ("OGE_USER_ID", credentials.user_id),
            ("OGE_USERNAME", credentials.username),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// A whole `Authorization` value, as a user pastes it into `OGE_TOKEN`. Issuing it is a login
    /// like any other: in a single session it ends all tokens before it.
    #[must_use]
    pub fn issue_token(&self) -> String {
        format!("Bearer {}", self.platform().issue_token(clock::now()))
    }

    /// Every token issued so far is refused from now on, although its `exp` is in the future.
    pub fn revoke_tokens(&self) {
        self.platform().tokens.revoke_all();
    }

    /// Every token is refused, fresh ones too, until this is switched off again.
    pub fn refuse_all_tokens(&self, refuse: bool) {
        self.platform().tokens.refuse_all(refuse);
    }

    /// The newest token dies after that many more calls with it have passed the token check.
    /// Where it is dead or there is none, this holds for the next token.
    pub fn expire_after(&self, calls: usize) {
        self.platform().tokens.expire_after(calls, clock::now());
    }

    /// Whether failed logins have locked the account; see [`Options::locks_account`].
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.platform().lock.as_ref().is_some_and(AccountLock::is_locked)
    }

    /// How a refused token is told.
    pub fn expired_form(&self, form: ExpiredForm) {
        self.platform().expired_form = form;
    }

    /// Every request on that route meets this fault until it is healed.
    pub fn fail(&self, route: Route, fault: Fault) {
        self.platform().faults.entry(route).or_default().always(fault);
    }

    /// The next so many requests on that route meet this fault. Several of these queue up, and
    /// come before a fault from [`fail`](Self::fail).
    pub fn fail_times(&self, route: Route, times: usize, fault: Fault) {
        let mut platform = self.platform();
        platform.faults.entry(route).or_default().times(times, fault);
    }

    /// From now on this body is the answer to every request that the platform would have
    /// accepted. The rest of the rules stay: for an answer without a token check there is
    /// [`Fault::Response`]. On [`Route::Token`], no token is issued.
    pub fn response(&self, route: Route, status: u16, content_type: &str, body: impl Into<Bytes>) {
        let response = Response::typed(response::status(status), content_type, body);
        self.platform().responses.insert(route, response);
    }

    /// That route has no fault and no set response any more.
    pub fn heal(&self, route: Route) {
        let mut platform = self.platform();
        platform.faults.remove(&route);
        platform.responses.remove(&route);
    }

    /// No route has a fault or a set response any more.
    pub fn heal_all(&self) {
        let mut platform = self.platform();
        platform.faults.clear();
        platform.responses.clear();
    }

    /// The platform knows this task, and it is in its first state.
    pub fn start_task(&self, dag_id: &str) {
        self.platform().dags.start(dag_id);
    }

    /// The requests on that route, in order.
    #[must_use]
    pub fn requests(&self, route: Route) -> Vec<Recorded> {
        let platform = self.platform();
        let requests = platform.journal.requests().iter();
        requests.filter(|request| request.route == route).cloned().collect()
    }

    /// All requests, in order.
    #[must_use]
    pub fn story(&self) -> Vec<Recorded> {
        self.platform().journal.requests().to_vec()
    }

    /// How many requests that route has had, recorded or not.
    #[must_use]
    pub fn count(&self, route: Route) -> usize {
        self.platform().journal.count(route)
    }

    /// How many requests that route has had with that outcome, recorded or not.
    #[must_use]
    pub fn count_of(&self, route: Route, outcome: Outcome) -> usize {
        self.platform().journal.count_of(route, outcome)
    }

    /// Forgets all requests and counts. Sequence numbers go on.
    pub fn clear_requests(&self) {
        self.platform().journal.clear();
    }

    /// An event for each request from now on, in order. Whoever falls a thousand behind loses
    /// the oldest and is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.platform().journal.subscribe()
    }

    fn platform(&self) -> MutexGuard<'_, Platform> {
        self.shared.platform()
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mock").field("origin", &self.origin).finish_non_exhaustive()
    }
}
