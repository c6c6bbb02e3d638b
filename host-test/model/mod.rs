//! Runs the real call rule, token store and token state in every sequence of what platform, authority and
//! clock can do.
//!
//! From each state, a call runs once for each combination of choices, and then from each resulting state.
//! States that differ only in the date and the numbers of their tokens are equal, so few states cover very
//! many sequences.

mod choices;
mod effects;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use oge_token::{Medium, Store};
use oge_tools::authorization::Authorization;
use oge_tools::client::Client;
use oge_tools::error::FailureKind;
use oge_tools::log::Event;
use oge_tools::request::{Method, Request};
use oge_tools::settings::Settings;
use oge_tools::url::Url;
use serde_json::Value;

use self::choices::Choices;
use self::effects::{CallEffects, Instance, SharedEffects};

/// The number of calls in a sequence.
const DEPTH: u32 = 4;
/// The seconds before a call: none; more than the spacing and less than a fresh token's age; more than the
/// backoff; more than the first pause after a rejection; until a token is due for renewal (twice: expired).
const STEPS: [u64; 5] = [0, 6, 31, 61, 3_350];
/// Longer ago than any rule considers.
const LONG_AGO: u64 = 601;
const LIFE: u64 = 3_600;

/// The history, recorded by the test and not by the store.
#[derive(Clone, Debug, Default, PartialEq)]
struct Past {
    /// When the newest token was issued, in seconds.
    issued_at: Option<u64>,
    /// When the platform rejected it.
    token_rejected_at: Option<u64>,
    /// The number of tokens in a row that were rejected within ten seconds of their issue.
    rejected_fresh: u32,
    /// Whether the store warned about contention since that row began.
    warned: bool,
    /// The last login: when it began, whether it succeeded, and when it ended.
    login: Option<(u64, bool, u64)>,
    /// When the credentials were last rejected since the last token.
    credentials_rejected_at: Option<u64>,
    /// How often they were rejected since the last token.
    rejections: u32,
    /// How often in a row the authority was unavailable.
    failures: u32,
}

/// The state of a sequence between two calls.
#[derive(Clone, Debug, Default)]
struct State {
    now: u64,
    file: Option<Vec<u8>>,
    past: Past,
    /// The number of tokens issued so far.
    tokens: u64,
}

impl State {
    fn start() -> Self {
        Self { now: 1_700_000_000, ..Self::default() }
    }

    /// Runs one call and returns the next state.
    fn call(&self, choices: &Rc<Choices>, settings: &Settings) -> Self {
        let here = SharedEffects::new(CallEffects {
            choices: Rc::clone(choices),
            state: RefCell::new(self.clone()),
            sent: RefCell::default(),
            logins: Cell::default(),
            is_in_flight: Cell::default(),
            paused: Cell::default(),
            lock: RefCell::default(),
        });
        here.world.pass(choices.choose(&STEPS));
        let client = Client {
            settings: settings.clone(),
            transport: here.clone(),
            token_store: Instance {
                store: Store::new(here.clone(), Medium::File(here.file.clone()), None),
                here: here.clone(),
            },
            clock: here.clone(),
            redactor: oge_tools::secret::Redactor::default(),
            trace: None,
            observe: |_: &str, _: Event<'_>| {},
        };
        let url = Url::parse("http://h/x?q=1").unwrap();
        let timeout = Duration::from_secs(30);
        let request = Request::json("x", Method::post(), url, Some("{}".to_owned()), timeout);
        let retrying = Authorization::Store { retry: true };
        let result = client.call(&request, &retrying).now_or_never().expect("an answer");

        let world = &here.world;
        let sent = world.sent.borrow();
        assert!(sent.len() <= 2 && world.logins.get() <= 2);
        assert!(world.paused.get() <= 10, "a call waited too long");
        assert!(sent.iter().all(|(again, _, _)| *again == request));
        if let [(_, first, answer), (_, second, _)] = &sent[..] {
            assert_ne!(first, second, "sent again with the rejected token");
            assert!(answer.is_expiry());
        }
        let expected = match sent.last() {
            // No token for the first request.
            None => Some(FailureKind::TokenStore),
            Some((_, _, answer)) if answer.is_expiry() && sent.len() == 1 => {
                Some(FailureKind::TokenStore)
            }
            Some((_, _, answer)) => answer.kind(),
        };
        let (kind, attempts) = match &result {
            Ok(accepted) => (None, accepted.attempts),
            Err(failure) => (Some(failure.kind), failure.attempts),
        };
        assert_eq!((kind, usize::from(attempts)), (expected, sent.len()));
        world.state.borrow().clone()
    }

    /// Returns a key that is equal for equal states: times are relative to now, tokens have no number.
    fn key(&self) -> String {
        fn relative(value: &mut Value, now: u64) {
            match value {
                Value::Object(fields) => {
                    if let Some(seconds) = fields.get("secs").and_then(Value::as_u64) {
                        let left = seconds as i64 - now as i64;
                        fields.insert("secs".to_owned(), left.max(-(LONG_AGO as i64)).into());
                        // The nanoseconds are jitter.
                        fields.remove("nanos");
                    }
                    let generation =
                        fields.get("held").and_then(|held| held["generation"].as_u64());
                    if let Some(refused) = fields.get_mut("refused") {
                        *refused = (refused.is_u64() && refused.as_u64() == generation).into();
                    }
                    for name in ["authorization", "generation", "revision", "salt"] {
                        fields.remove(name);
                    }
                    fields.values_mut().for_each(|value| relative(value, now));
                }
                Value::Array(values) => values.iter_mut().for_each(|value| relative(value, now)),
                _ => {}
            }
        }
        let file = self.file.as_deref().unwrap_or(b"null");
        let mut file: Value = serde_json::from_slice(file).unwrap();
        relative(&mut file, self.now);
        let ago = |at: u64| (self.now - at).min(LONG_AGO);
        // The issue time follows from the expiry in the file.
        let Past {
            token_rejected_at,
            rejected_fresh,
            warned,
            login,
            credentials_rejected_at,
            rejections,
            failures,
            ..
        } = &self.past;
        let times = (
            token_rejected_at.is_some(),
            *rejected_fresh.min(&2),
            warned,
            credentials_rejected_at.map(ago),
        );
        let counts = (rejections, failures);
        let login = login.map(|(began, ended_well, ended)| (ago(began), ended_well, ago(ended)));
        format!("{file}{times:?}{login:?}{counts:?}")
    }
}

/// The explored states.
#[derive(Default)]
struct Explored {
    /// The number of sequences from a state with so many more calls.
    sequences: HashMap<(String, u32), u128>,
    calls: u64,
}

impl Explored {
    fn from(&mut self, state: &State, depth: u32, settings: &Settings) -> u128 {
        if depth == 0 {
            return 1;
        }
        let key = (state.key(), depth);
        if let Some(known) = self.sequences.get(&key) {
            return *known;
        }
        let choices = Rc::new(Choices::default());
        let mut sequences = 0;
        loop {
            let next = state.call(&choices, settings);
            self.calls += 1;
            sequences += self.from(&next, depth - 1, settings);
            if !choices.next() {
                break;
            }
        }
        self.sequences.insert(key, sequences);
        sequences
    }
}

#[test]
fn every_sequence_of_calls_keeps_the_rules() {
    let get = |key: &str| (key == "OGE_API_URL").then(|| "http://h/x".to_owned());
    let settings = Settings::read(get).unwrap();
    let mut explored = Explored::default();
    let sequences = explored.from(&State::start(), DEPTH, &settings);
    let (states, calls) = (explored.sequences.len(), explored.calls);
    println!("{sequences} sequences of {DEPTH} calls: {states} states, {calls} calls played");
    assert!(sequences > 1_000_000, "too few sequences");
}
