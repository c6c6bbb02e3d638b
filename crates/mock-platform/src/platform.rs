//! The platform's state, and the decision on each request in one step.

use std::collections::HashMap;
use std::time::Duration;

use crate::account_lock::AccountLock;
use crate::dags::Dags;
use crate::delivery::Delivery;
use crate::expired::ExpiredForm;
use crate::fault::Fault;
use crate::journal::{Journal, RecordedOutcome};
use crate::options::{Credentials, Options};
use crate::received::Received;
use crate::record::Outcome;
use crate::response::Response;
use crate::route::Route;
use crate::routes::{Call, Login, add_task_record, execute_code, get_state, other, process, tile};
use crate::schedule::Schedule;
use crate::tokens::Tokens;

/// The platform's whole state. It has no lock and no clock.
pub(crate) struct Platform {
    pub(crate) origin: String,
    pub(crate) credentials: Credentials,
    pub(crate) tokens: Tokens,
    pub(crate) expired_form: ExpiredForm,
    pub(crate) faults: HashMap<Route, Schedule>,
    pub(crate) responses: HashMap<Route, Response>,
    pub(crate) dags: Dags,
    pub(crate) journal: Journal,
    pub(crate) lock: Option<AccountLock>,
    latency: Duration,
}

/// The platform's response to a request, before a fault changes how it is sent.
struct Decision {
    authorized: bool,
    outcome: Outcome,
    response: Response,
}

impl Platform {
    pub(crate) fn new(options: Options, origin: String) -> Self {
        Self {
            origin,
            credentials: options.credentials,
            tokens: Tokens::new(options.token_lifetime, options.single_session),
            expired_form: ExpiredForm::default(),
            faults: HashMap::new(),
            responses: HashMap::new(),
            dags: Dags::new(options.task_states),
            journal: Journal::new(options.record),
            lock: options.locks_account.then(AccountLock::default),
            latency: options.latency,
        }
    }

    /// Issues a token. Returns it without its scheme.
    pub(crate) fn issue_token(&mut self, now: Duration) -> String {
        self.tokens.issue(&self.credentials.username, &self.origin, now)
    }

    /// Decides on the response and how long to delay it. `call` is the parsed request, or the response to a bad
    /// one.
    pub(crate) fn decide(
        &mut self,
        request: &Received,
        call: Result<Call, Response>,
        now: Duration,
    ) -> (Duration, Delivery) {
        let fault = self.faults.get_mut(&request.route).and_then(Schedule::next);
        let pause = fault.as_ref().map(Fault::pause).unwrap_or_default();
        let replacement = fault.as_ref().and_then(|fault| fault.replaces(request, &self.origin));
        let (authorized, outcome, delivery) = match replacement {
            Some(delivery) => {
                let authorized = request.route.needs_token()
                    && self.tokens.accepts(request.authorization(), now);
                (authorized, Outcome::Fault, delivery)
            }
            None => {
                let decision = self.respond(request, call, now);
                let delivery = match fault {
                    Some(fault) => fault.spoils(decision.response),
                    None => Delivery::Whole(decision.response),
                };
                let is_readable = delivery.status().is_some();
                let outcome = if is_readable { decision.outcome } else { Outcome::Fault };
                (decision.authorized, outcome, delivery)
            }
        };
        let status = delivery.status();
        let verdict = RecordedOutcome { authorized, outcome, status };
        self.journal.write(request, &verdict);
        (self.latency.saturating_add(pause), delivery)
    }

    fn respond(
        &mut self,
        request: &Received,
        call: Result<Call, Response>,
        now: Duration,
    ) -> Decision {
        let needs_token = request.route.needs_token();
        if needs_token && !self.tokens.admit(request.authorization(), now) {
            return Decision {
                authorized: false,
                outcome: Outcome::Expired,
                response: self.expired_form.response(),
            };
        }
        let call = call.and_then(|call| self.check_login(call));
        match call {
            Err(response) => {
                Decision { authorized: needs_token, outcome: Outcome::Refused, response }
            }
            Ok(call) => Decision {
                authorized: true,
                outcome: Outcome::Accepted,
                response: match self.responses.get(&request.route) {
                    Some(response) => response.clone(),
                    None => self.dispatch(request, call, now),
                },
            },
        }
    }

    /// Checks the credentials of a login. Other calls pass.
    fn check_login(&mut self, call: Call) -> Result<Call, Response> {
        if let Call::Login(login) = &call {
            let checked = login.check(&self.credentials);
            match &mut self.lock {
                Some(lock) => lock.check(checked.is_ok())?,
                None => checked?,
            }
        }
        Ok(call)
    }

    fn dispatch(&mut self, request: &Received, call: Call, now: Duration) -> Response {
        match call {
            Call::Process(call) => process::answer(&call, &self.origin),
            Call::ExecuteCode(call) => execute_code::answer(&call, &mut self.dags),
            Call::AddTaskRecord(call) => {
                add_task_record::answer(&call, &mut self.dags, &self.credentials.user_id)
            }
            Call::GetState(call) => get_state::answer(&call, &mut self.dags),
            Call::Login(login) => self.grant(&login, now),
            Call::Tile(call) => tile::answer(&call),
            Call::Other => other::answer(request),
        }
    }

    fn grant(&mut self, login: &Login, now: Duration) -> Response {
        let token = self.issue_token(now);
        login.grant(&token, self.tokens.lifetime())
    }
}
