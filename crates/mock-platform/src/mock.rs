//! The handle of a running mock.

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
use crate::extent::Extent;
use crate::fault::Fault;
use crate::options::{Options, TokenStyle};
use crate::platform::Platform;
use crate::received::Received;
use crate::record::{Event, Outcome, Recorded};
use crate::response::{self, Response};
use crate::route::{self, Route};
use crate::routes::{self, tile};
use crate::server::Server;
use crate::tile::Tile;

/// How many connections may wait to be accepted: the largest number that a test opens at once.
const MAX_BACKLOG: i32 = 1024;

/// The zoom at which one tile shows the middle of Mount Tai.
const MIDDLE_ZOOM: u32 = 12;

/// A running mock. Dropping it closes all its connections and its port.
///
/// A method that changes the mock's behaviour applies to the requests that are decided after it returns.
pub struct Mock {
    origin: String,
    shared: Arc<Shared>,
    _server: Server,
}

/// The state that the handle and the connections share.
pub(crate) struct Shared {
    style: TokenStyle,
    platform: Mutex<Platform>,
}

impl Shared {
    /// Locks the state. Ignores poisoning, because no code panics while it holds the lock.
    fn platform(&self) -> MutexGuard<'_, Platform> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides on the response to a request, and how long to delay it.
    pub(crate) fn decide(&self, request: &Received) -> (Duration, Delivery) {
        let call = routes::read(request, self.style);
        let now = clock::now();
        self.platform().decide(request, call, now)
    }
}

impl Mock {
    /// Starts a mock on 127.0.0.1. The caller needs no tokio runtime.
    ///
    /// # Errors
    /// Fails if the port is in use, or if the system has no socket or thread left.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        // std's backlog is 128. A client that finds it full retries after a second.
        SockRef::from(&listener).listen(MAX_BACKLOG)?;
        let origin = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            style: options.token_style,
            platform: Mutex::new(Platform::new(options, origin.clone())),
        });
        Ok(Self { origin, shared: shared.clone(), _server: Server::start(listener, shared).await? })
    }

    /// Returns `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the value of `OGE_API_URL`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}{}", self.origin, route::PROCESS)
    }

    /// Returns the value of `OGE_DAG_URL`.
    #[must_use]
    pub fn dag_url(&self) -> String {
        format!("{}{}", self.origin, route::DAG)
    }

    /// Returns the value of `OGE_TOKEN_URL`.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}{}", self.origin, route::TOKEN)
    }

    /// Returns the address of the map tiles of [`MOUNT_TAI`](crate::MOUNT_TAI), with `{z}`, `{x}` and `{y}` in it.
    #[must_use]
    pub fn tiles_url(&self) -> String {
        tile::address(&self.origin, &Extent::DEFAULT, tile::TEMPLATE)
    }

    /// Returns the address of one map tile in the middle of [`MOUNT_TAI`](crate::MOUNT_TAI).
    #[must_use]
    pub fn tile_url(&self) -> String {
        let tile = Tile::middle(&Extent::DEFAULT, MIDDLE_ZOOM);
        tile::address(&self.origin, &Extent::DEFAULT, tile)
    }

    /// Returns all settings for this mock as pairs of key and value, including the password and the secret.
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

    /// Issues a token like a login, and returns it as a whole `Authorization` value for `OGE_TOKEN`. In a
    /// single session this ends all tokens before it.
    #[must_use]
    pub fn issue_token(&self) -> String {
        format!("Bearer {}", self.platform().issue_token(clock::now()))
    }

    /// Rejects every token issued so far from now on, although its `exp` is in the future.
    pub fn revoke_tokens(&self) {
        self.platform().tokens.revoke_all();
    }

    /// Sets whether every token is rejected, including new ones.
    pub fn reject_all_tokens(&self, refuse: bool) {
        self.platform().tokens.reject_all(refuse);
    }

    /// Ends the newest token after this many more calls with it have passed the token check. If it has ended
    /// or there is none, this applies to the next token.
    pub fn expire_after(&self, calls: usize) {
        self.platform().tokens.expire_after(calls, clock::now());
    }

    /// Returns whether failed logins have locked the account. See [`Options::locks_account`].
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.platform().lock.as_ref().is_some_and(AccountLock::is_locked)
    }

    /// Sets the form of the response to a rejected token.
    pub fn expired_form(&self, form: ExpiredForm) {
        self.platform().expired_form = form;
    }

    /// Applies a fault to every request on a route until the route is healed.
    pub fn fail(&self, route: Route, fault: Fault) {
        self.platform().faults.entry(route).or_default().always(fault);
    }

    /// Applies a fault to the next `times` requests on a route. Several of these queue up, and take precedence
    /// over a fault from [`fail`](Self::fail).
    pub fn fail_times(&self, route: Route, times: usize, fault: Fault) {
        let mut platform = self.platform();
        platform.faults.entry(route).or_default().times(times, fault);
    }

    /// Sets the response to every request on a route that the platform would accept. The token is still
    /// checked; use [`Fault::Response`] for a response without a token check. On [`Route::Token`], no token is
    /// issued.
    pub fn response(&self, route: Route, status: u16, content_type: &str, body: impl Into<Bytes>) {
        let response = Response::typed(response::status(status), content_type, body);
        self.platform().responses.insert(route, response);
    }

    /// Removes the faults and the set response of a route.
    pub fn clear_faults(&self, route: Route) {
        let mut platform = self.platform();
        platform.faults.remove(&route);
        platform.responses.remove(&route);
    }

    /// Removes the faults and the set responses of all routes.
    pub fn clear_all_faults(&self) {
        let mut platform = self.platform();
        platform.faults.clear();
        platform.responses.clear();
    }

    /// Adds a task in its first state.
    pub fn start_task(&self, dag_id: &str) {
        self.platform().dags.start(dag_id);
    }

    /// Returns the requests on a route, in order.
    #[must_use]
    pub fn requests(&self, route: Route) -> Vec<Recorded> {
        let platform = self.platform();
        let requests = platform.journal.requests().iter();
        requests.filter(|request| request.route == route).cloned().collect()
    }

    /// Returns all requests, in order.
    #[must_use]
    pub fn all_requests(&self) -> Vec<Recorded> {
        self.platform().journal.requests().to_vec()
    }

    /// Returns how many requests a route has had, recorded or not.
    #[must_use]
    pub fn count(&self, route: Route) -> usize {
        self.platform().journal.count(route)
    }

    /// Returns how many requests with this outcome a route has had, recorded or not.
    #[must_use]
    pub fn count_of(&self, route: Route, outcome: Outcome) -> usize {
        self.platform().journal.count_of(route, outcome)
    }

    /// Deletes all records and counts. Sequence numbers continue.
    pub fn clear_requests(&self) {
        self.platform().journal.clear();
    }

    /// Returns a receiver of an event for each request from now on, in order. A receiver that is more than 1024
    /// events behind loses the oldest, and gets `RecvError::Lagged`.
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
