//! The call rule as a property of all responses, store results and authorizations.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use oge_tools::authorization::Authorization;
use oge_tools::client::{Client, Clock, Transport, TransportError};
use oge_tools::error::FailureKind;
use oge_tools::log::Event;
use oge_tools::request::{Method, Request};
use oge_tools::response::Response;
use oge_tools::secret::Secret;
use oge_tools::settings::Settings;
use oge_tools::token::{Token, TokenError, TokenStore};
use oge_tools::url::Url;
use proptest::prelude::*;

use crate::scripted_responses::ScriptedResponse;

/// The store's result of `refresh`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Renewal {
    Other,
    Same,
    Rejected,
    Unavailable,
}

struct Script {
    answers: [ScriptedResponse; 2],
    sent: RefCell<Vec<(Request, Option<String>)>>,
}

impl Transport for Script {
    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        let mut sent = self.sent.borrow_mut();
        let answer = self.answers[sent.len().min(1)];
        sent.push((request.clone(), authorization.map(|secret| secret.expose().to_owned())));
        answer.response(request.timeout)
    }
}

struct Store {
    renewal: Renewal,
    refreshes: Cell<u32>,
}

fn token(generation: u64) -> Token {
    Token { authorization: Secret::new(format!("Bearer token-{generation}")), generation }
}

impl TokenStore for Store {
    async fn get(&self) -> Result<Token, TokenError> {
        Ok(token(7))
    }

    async fn peek(&self) -> Option<Token> {
        Some(token(7))
    }

    async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        assert_eq!(stale, Some(7));
        self.refreshes.set(self.refreshes.get() + 1);
        match self.renewal {
            Renewal::Other => Ok(token(8)),
            Renewal::Same => Ok(token(7)),
            Renewal::Rejected => Err(TokenError::Rejected("no".to_owned())),
            Renewal::Unavailable => Err(TokenError::Unavailable("down".to_owned())),
        }
    }
}

struct Still;

impl Clock for Still {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}

fn any_answer() -> impl Strategy<Value = ScriptedResponse> {
    prop::sample::select(ScriptedResponse::ALL.to_vec())
}

fn any_authorization() -> impl Strategy<Value = Authorization> {
    prop::sample::select(vec![
        Authorization::Store { retry: true },
        Authorization::Store { retry: false },
        Authorization::Caller(Secret::new("Bearer mine")),
        Authorization::FromHeaders,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_call_sends_at_most_twice_and_changes_only_the_token(
        answers in [any_answer(), any_answer()],
        renewal in prop::sample::select(vec![Renewal::Other, Renewal::Same, Renewal::Rejected, Renewal::Unavailable]),
        authorization in any_authorization(),
    ) {
        let settings = Settings::read(|key| (key == "OGE_API_URL").then(|| "http://h/x".to_owned())).unwrap();
        let client = Client {
            settings,
            transport: Script { answers, sent: RefCell::default() },
            token_store: Store { renewal, refreshes: Cell::new(0) },
            clock: Still,
            redactor: oge_tools::secret::Redactor::default(),
            trace: None,
            observe: |_: &str, _: Event<'_>| {},
        };
        let url = Url::parse("http://h/x?q=1").unwrap();
        let request = Request::json("x", Method::post(), url, Some("{}".to_owned()), Duration::from_secs(1));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let result = runtime.block_on(client.call(&request, &authorization));

        let sent = client.transport.sent.borrow();
        let refreshes = client.token_store.refreshes.get();
        let may_retry = authorization == Authorization::Store { retry: true };
        let refreshed = may_retry && answers[0].is_expiry();
        let retried = refreshed && renewal == Renewal::Other;
        prop_assert_eq!(refreshes, u32::from(refreshed));
        prop_assert_eq!(sent.len(), 1 + usize::from(retried));
        prop_assert!(sent.iter().all(|(again, _)| *again == request));
        if retried {
            prop_assert_eq!(sent[0].1.as_deref(), Some("Bearer token-7"));
            prop_assert_eq!(sent[1].1.as_deref(), Some("Bearer token-8"));
        }
        let decided = if retried { answers[1].kind() } else { answers[0].kind() };
        let expected = if refreshed && !retried { Some(FailureKind::TokenStore) } else { decided };
        match result {
            Ok(accepted) => {
                prop_assert_eq!(expected, None);
                prop_assert_eq!(usize::from(accepted.attempts), sent.len());
            }
            Err(failure) => {
                prop_assert_eq!(Some(failure.kind), expected);
                prop_assert_eq!(usize::from(failure.attempts), sent.len());
            }
        }
    }
}
