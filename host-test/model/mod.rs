//! The call rule over the token store and the token decision, all three as they are, in every sequence
//! of what platform, authority and clock can do.
//!
//! A call is played from a state once for each combination of what may happen in it; each state that
//! comes of it is gone on from. States that differ only in when they are and in how their tokens are
//! numbered are one: nothing here knows the date. So a handful of states stands for very many sequences.

mod choices;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use oge_token::Store;
use oge_tools::authorization::Authorization;
use oge_tools::client::Client;
use oge_tools::error::FailureKind;
use oge_tools::log::Event;
use oge_tools::request::{Method, Request};
use oge_tools::settings::Settings;
use oge_tools::url::Url;
use serde_json::Value;

use self::choices::Choices;
use self::world::{Here, Instance, World};

/// How many calls follow each other.
const DEPTH: u32 = 4;
/// What passes before a call: nothing, more than the short rules and less than a token is fresh, more than the
/// hold-off, more than the first pause after a rejection, and until a token ages; twice that is past its end.
const STEPS: [u64; 5] = [0, 6, 31, 61, 3_350];
/// Longer ago than any rule looks back.
const LONG_AGO: u64 = 601;
const LIFE: u64 = 3_600;

/// What has happened, kept by the test so as not to believe the store.
#[derive(Clone, Debug, Default, PartialEq)]
struct Past {
    /// When the newest token was issued, in seconds.
    issued_at: Option<u64>,
    /// Whether the store was told that the platform refused it, and when.
    refused_at: Option<u64>,
    /// How many tokens in a row were refused younger than ten seconds.
    refused_fresh: u32,
    /// Whether it was said, since that row began, that somebody else logs in.
    told: bool,
    /// When the last login began, how it ended, and when.
    login: Option<(u64, bool, u64)>,
    /// When the credentials were last refused, since the last token.
    denied_at: Option<u64>,
    /// How often, since the last token.
    denials: u32,
    /// How often in a row the authority could not be reached.
    failures: u32,
}

/// Where a sequence stands.
#[derive(Clone, Debug, Default)]
struct State {
    now: u64,
    file: Option<Vec<u8>>,
    past: Past,
    /// TokenStore issued so far.
    tokens: u64,
}

impl State {
    fn start() -> Self {
        Self { now: 1_700_000_000, ..Self::default() }
    }

    /// Plays one call, and says where that leads.
    fn call(&self, choices: &Rc<Choices>, settings: &Settings) -> Self {
        let here = Here::new(World {
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
            token_store: Instance { store: Store::new(here.clone(), None), here: here.clone() },
            clock: here.clone(),
            redactor: oge_tools::secret::Redactor::default(),
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
        assert!(world.paused.get() <= 10, "a call was held up");
        assert!(sent.iter().all(|(again, _, _)| *again == request));
        if let [(_, first, answer), (_, second, _)] = &sent[..] {
            assert_ne!(first, second, "sent again with the token that was refused");
            assert!(answer.is_expiry());
        }
        let expected = match sent.last() {
            // No token for the first request, or for the second.
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

    /// What sets this state apart: all of it, its times told from now and its tokens unnumbered.
    fn key(&self) -> String {
        fn relative(value: &mut Value, now: u64) {
            match value {
                Value::Object(fields) => {
                    if let Some(seconds) = fields.get("secs").and_then(Value::as_u64) {
                        let left = seconds as i64 - now as i64;
                        fields.insert("secs".to_owned(), left.max(-(LONG_AGO as i64)).into());
                        // A jitter's.
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
        // When the token was issued is told by when it ends.
        let Past { refused_at, refused_fresh, told, login, denied_at, denials, failures, .. } =
            &self.past;
        let times = (refused_at.is_some(), *refused_fresh.min(&2), told, denied_at.map(ago));
        let counts = (denials, failures);
        let login = login.map(|(began, ended_well, ended)| (ago(began), ended_well, ago(ended)));
        format!("{file}{times:?}{login:?}{counts:?}")
    }
}

/// What was explored.
#[derive(Default)]
struct Explored {
    /// How many sequences of so many more calls start in a state.
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
    assert!(sequences > 1_000_000, "hardly anything was tried");
}
