//! A whole call with the responses of the input: the call rule, and how each tool reads the response.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::FutureExt as _;
use oge_mcp_server::result::{self, Limits};
use oge_tools::client::{Client, Clock, Transport, TransportError};
use oge_tools::envelope::Envelope;
use oge_tools::error::{Failure, FailureKind};
use oge_tools::log::Event;
use oge_tools::request::Request;
use oge_tools::response::Response;
use oge_tools::secret::{EXCERPT_BYTES, Secret};
use oge_tools::settings::Settings;
use oge_tools::token::{Token, TokenError, TokenStore};
use oge_tools::tools::{
    CoverageAspectAnalysis, ExecuteCodeToDag, QueryTaskStatus, Run, RunBigQuery, SubmitBatchTask,
    coverage_aspect_analysis, execute_code_to_dag, query_task_status, submit_batch_task,
};
use serde::de::IgnoredAny;

use crate::input;
use crate::response::STATUSES;

/// Input: a digit for the status of each of two responses, and a body for both.
pub(crate) fn target(data: &[u8]) {
    let dag = || query_task_status::Arguments { dag_id: "d".to_owned(), auth_token: None };
    let code = || execute_code_to_dag::Arguments { code: "c".to_owned(), ..Default::default() };
    let task = || submit_batch_task::Arguments { dag_id: "d".to_owned(), ..Default::default() };
    let bbox = vec![1.0, 2.0, 3.0, 4.0];
    let bbox = || coverage_aspect_analysis::Arguments { bbox: bbox.clone(), ..Default::default() };
    run::<QueryTaskStatus>(data, dag);
    run::<ExecuteCodeToDag>(data, code);
    run::<SubmitBatchTask>(data, task);
    run::<CoverageAspectAnalysis>(data, bbox);
    run::<RunBigQuery>(data, Default::default);
}

fn run<T: Run>(data: &[u8], arguments: impl Fn() -> T::Arguments) {
    let (first, rest) = input::choice(data, &STATUSES);
    let (second, body) = input::choice(rest, &STATUSES);
    let call = || {
        let client = scripted(Script { statuses: [first, second], body, sent: RefCell::default() });
        let result = client.run::<T>(arguments()).now_or_never().expect("nothing here waits");
        (result, client.transport.sent.into_inner(), client.token_store.refreshes.get())
    };
    let (result, sent, refreshes) = call();
    assert!((1..=2).contains(&sent.len()));
    assert!(sent.iter().all(|request| *request == sent[0]), "the retry is another request");
    assert_eq!(refreshes, sent.len() - 1, "a refresh without a retry");
    let attempts = match &result {
        Ok(done) => done.attempts,
        Err(failure) => {
            assert_ne!(failure.kind, FailureKind::TokenStore);
            if !input::gives_itself_away(body) {
                assert_quiet(failure);
            }
            failure.attempts
        }
    };
    assert_eq!(usize::from(attempts), sent.len());

    let is_failure = result.is_err();
    let envelope = match result {
        Ok(done) => Envelope::of::<T>(Ok(done)),
        Err(failure) => Envelope::of::<T>(Err(&failure)),
    };
    assert!(serde_json::from_str::<IgnoredAny>(&envelope.to_json()).is_ok());
    let limits = Limits::with_memory(128 << 20);
    let measured = call().0.map(|done| result::measure::<T>(done, limits));
    let call_result = measured.and_then(|mut measured| {
        let kept = measured.keep(|data| {
            assert!(serde_json::from_slice::<IgnoredAny>(data).is_ok());
            Ok(["0-0-", &"0".repeat(32)].concat().parse().expect("an id"))
        });
        assert!(kept.is_some_and(|kept| kept.structured_content.is_some()));
        measured.checked()?.build()
    });
    let call_result = call_result.unwrap_or_else(|failure| result::failure::<T>(&failure));
    assert_eq!(call_result.is_error, Some(is_failure));
    assert!(call_result.structured_content.is_some_and(|content| content.is_object()));
}

/// Asserts that a failure shows no part of a token and only the start of the body.
fn assert_quiet(failure: &Failure) {
    input::assert_hides(&failure.message);
    if let Some(body) = &failure.body {
        input::assert_hides(body);
        assert!(body.len() <= EXCERPT_BYTES + '…'.len_utf8());
    }
}

/// Returns settings for every tool.
pub(crate) fn settings() -> Settings {
    let value = |key: &str| match key {
        "OGE_API_URL" => Some("http://oge.test/process"),
        "OGE_DAG_URL" => Some("http://oge.test:8080/dag/"),
        "OGE_USER_ID" | "OGE_USERNAME" => Some("someone"),
        _ => None,
    };
    Settings::read(|key| value(key).map(str::to_owned)).expect("good settings")
}

/// Returns a client with this transport and a store that always refreshes.
pub(crate) fn scripted<S: Transport>(
    transport: S,
) -> Client<S, Store, Still, impl Fn(&str, Event<'_>)> {
    let observe = |_: &str, _: Event<'_>| {};
    let redactor = oge_tools::secret::Redactor::default();
    Client {
        settings: settings(),
        transport,
        token_store: Store::default(),
        clock: Still,
        observe,
        redactor,
        trace: None,
    }
}

/// A transport with two responses.
struct Script<'a> {
    statuses: [u16; 2],
    body: &'a [u8],
    sent: RefCell<Vec<Request>>,
}

impl Transport for Script<'_> {
    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Response, TransportError> {
        let mut sent = self.sent.borrow_mut();
        let status = self.statuses[sent.len()];
        sent.push(request.clone());
        let token = authorization.expect("every tool sends a token").expose();
        let body = input::with_secret(self.body, token.trim_start_matches("Bearer "));
        Ok(Response {
            status,
            content_type: Some("text/plain".to_owned()),
            body,
            ..Response::default()
        })
    }
}

/// A store with tokens that [`input::assert_hides`] recognises. Each refresh returns another one.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) refreshes: Cell<usize>,
}

impl Store {
    fn token(&self) -> Token {
        let generation = self.refreshes.get() as u64;
        let authorization = Secret::new(format!("Bearer {}{generation}", input::TOKEN));
        Token { authorization, generation }
    }
}

impl TokenStore for Store {
    async fn get(&self) -> Result<Token, TokenError> {
        Ok(self.token())
    }

    async fn peek(&self) -> Option<Token> {
        Some(self.token())
    }

    async fn refresh(&self, _stale: Option<u64>) -> Result<Token, TokenError> {
        self.refreshes.set(self.refreshes.get() + 1);
        Ok(self.token())
    }
}

/// Clocks with a constant time.
pub(crate) struct Still;

impl Clock for Still {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(1_700_000_000)
    }

    async fn sleep(&self, _: Duration) {}
}
