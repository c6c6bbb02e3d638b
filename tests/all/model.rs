//! The call rule over the token store and the token decision, all three as they are, in every sequence
//! of what platform, authority and clock can do.
//!
//! A call is played from a state once for each combination of what may happen in it; each state that
//! comes of it is gone on from. States that differ only in when they are and in how their tokens are
//! numbered are one: nothing here knows the date. So a handful of states stands for very many sequences.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt as _;
use oge_oauth::Issued;
use oge_token_store::outside::Outside;
use oge_token_store::record::Record;
use oge_token_store::store::Store;
use oge_tools::authorization::Authorization;
use oge_tools::call::{Clock, Platform, SendError, Sender};
use oge_tools::error::FailureKind;
use oge_tools::jwt::Claims;
use oge_tools::log::Event;
use oge_tools::reply::Reply;
use oge_tools::request::{Method, Request};
use oge_tools::secret::Secret;
use oge_tools::settings::Settings;
use oge_tools::token::{Token, TokenError, Tokens};
use oge_tools::url::Url;
use serde_json::Value;

/// How many calls follow each other.
const DEPTH: u32 = 4;
/// What passes before a call: nothing, more than the short rules, more than the hold-off, and until a
/// token ages; twice that is past its end.
const STEPS: [u64; 4] = [0, 6, 31, 3_350];
/// Longer ago than any rule looks back.
const LONG_AGO: u64 = 31;
const LIFE: u64 = 3_600;

/// What the platform does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Accepts,
    ExpiredByCode,
    ExpiredByStatus,
    Forbids,
    Fails,
    Breaks,
    Hangs,
}
use Answer::{Accepts, Breaks, ExpiredByCode, ExpiredByStatus, Fails, Forbids, Hangs};

const ANSWERS: [Answer; 7] =
    [Accepts, ExpiredByCode, ExpiredByStatus, Forbids, Fails, Breaks, Hangs];

/// What the authority does with a login.
#[derive(Clone, Copy, PartialEq)]
enum Login {
    Issues,
    Refuses,
    CannotBeReached,
}

const LOGINS: [Login; 3] = [Login::Issues, Login::Refuses, Login::CannotBeReached];

/// What has happened, kept by the test so as not to believe the store.
#[derive(Clone, Debug, Default, PartialEq)]
struct Past {
    /// When the newest token was issued, in seconds.
    issued_at: Option<u64>,
    /// Whether the store was told that the platform refused it, and when.
    refused_at: Option<u64>,
    /// How many tokens in a row were refused younger than five seconds.
    refused_fresh: u32,
    /// When the last login began, how it ended, and when.
    login: Option<(u64, bool, u64)>,
    /// When the credentials were last refused, since the last token.
    denied_at: Option<u64>,
}

/// Where a sequence stands.
#[derive(Clone, Debug, Default)]
struct State {
    now: u64,
    file: Option<Vec<u8>>,
    past: Past,
    /// Tokens issued so far.
    tokens: u64,
}

/// The choices of one call, and the next combination of them.
#[derive(Default)]
struct Choices {
    made: RefCell<Vec<(usize, usize)>>,
    asked: Cell<usize>,
}

impl Choices {
    fn choose<T: Copy>(&self, from: &[T]) -> T {
        let mut made = self.made.borrow_mut();
        let at = self.asked.replace(self.asked.get() + 1);
        if at == made.len() {
            made.push((0, from.len()));
        }
        from[made[at].0]
    }

    fn next(&self) -> bool {
        let mut made = self.made.borrow_mut();
        self.asked.set(0);
        while let Some((chosen, of)) = made.pop() {
            if chosen + 1 < of {
                made.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}

/// One call's world.
struct World {
    choices: Rc<Choices>,
    state: RefCell<State>,
    /// What was sent, when, and what came back.
    sent: RefCell<Vec<(Request, String, Answer)>>,
    logins: Cell<u32>,
    is_in_flight: Cell<bool>,
    paused: Cell<u64>,
}

#[derive(Clone)]
struct Here(Rc<World>);

impl World {
    fn now(&self) -> u64 {
        self.state.borrow().now
    }

    fn pass(&self, seconds: u64) {
        self.state.borrow_mut().now += seconds;
    }

    /// A login begins: no rule forbids it now.
    fn assert_may_log_in(&self) {
        let State { now, past, .. } = &*self.state.borrow();
        let since = |at: u64| now - at;
        if let Some(denied_at) = past.denied_at {
            assert!(since(denied_at) >= 5, "refused credentials were tried again");
        }
        let is_good = past.issued_at.is_some_and(|at| since(at) < LIFE - 30);
        if is_good && past.refused_at.is_none() {
            assert!(past.issued_at.is_some_and(|at| since(at) >= LIFE - 300), "nobody needs it");
            if let Some((_, false, ended_at)) = past.login {
                assert!(since(ended_at) >= 30, "a failed login was not held off");
            }
        }
        if past.refused_fresh >= 2 {
            let (began_at, ..) = past.login.expect("a token came of a login");
            assert!(since(began_at) >= 5, "logins are not spaced");
        }
    }
}

impl Outside for Here {
    type Turn = ();
    type Lock = ();

    fn now(&self) -> Duration {
        Duration::from_secs(self.0.now())
    }

    fn load(&self) -> Option<Record> {
        Record::read(self.0.state.borrow().file.as_deref()?)
    }

    fn save(&self, record: &Record) {
        self.0.state.borrow_mut().file = Some(record.to_bytes());
    }

    async fn turn(&self) {}

    fn try_turn(&self) -> Option<()> {
        Some(())
    }

    fn lock(&self) -> Option<()> {
        Some(())
    }

    async fn pause(&self, time: Duration) {
        self.0.pass(time.as_secs());
        self.0.paused.set(self.0.paused.get() + time.as_secs());
    }

    async fn login(&self, _limit: Duration) -> Result<Issued, TokenError> {
        let world = &self.0;
        world.assert_may_log_in();
        assert!(!world.is_in_flight.replace(true), "two logins at a time");
        world.logins.set(world.logins.get() + 1);
        let began_at = world.now();
        let outcome = world.choices.choose(&LOGINS);
        if outcome == Login::CannotBeReached {
            world.pass(3);
        }
        world.is_in_flight.set(false);
        let mut state = world.state.borrow_mut();
        let now = state.now;
        state.past.login = Some((began_at, outcome == Login::Issues, now));
        match outcome {
            Login::Issues => {
                if state.past.refused_at.is_none() {
                    state.past.refused_fresh = 0;
                }
                state.past.issued_at = Some(now);
                (state.past.refused_at, state.past.denied_at) = (None, None);
                state.tokens += 1;
                let authorization = Secret::new(format!("Bearer {}", state.tokens));
                Ok(Issued { authorization, expires_in: Some(LIFE), claims: Claims::default() })
            }
            Login::Refuses => {
                state.past.denied_at = Some(now);
                Err(TokenError::Rejected("no".to_owned()))
            }
            Login::CannotBeReached => Err(TokenError::Unavailable("down".to_owned())),
        }
    }

    fn warn(&self, _what: &str) {}
}

/// A fresh instance of the store for each call, as a host makes them.
struct Instance {
    store: Store,
    here: Here,
}

impl Tokens for Instance {
    async fn get(&self) -> Result<Token, TokenError> {
        self.store.get(&self.here).await
    }

    async fn peek(&self) -> Option<Token> {
        self.store.peek(&self.here)
    }

    async fn refresh(&self, stale: Option<u64>) -> Result<Token, TokenError> {
        {
            let mut state = self.here.0.state.borrow_mut();
            let now = state.now;
            let past = &mut state.past;
            if past.refused_at.is_none() {
                let is_fresh = past.issued_at.is_some_and(|at| now - at < 5);
                past.refused_fresh = if is_fresh { past.refused_fresh + 1 } else { 0 };
                past.refused_at = Some(now);
            }
        }
        self.store.refresh(stale, &self.here).await
    }
}

impl Sender for Here {
    async fn send(
        &self,
        request: &Request,
        authorization: Option<&Secret>,
    ) -> Result<Reply, SendError> {
        let world = &self.0;
        let token = authorization.expect("the store's token").expose().to_owned();
        {
            let state = world.state.borrow();
            assert_eq!(token, format!("Bearer {}", state.tokens), "an old token was sent");
            assert_eq!(state.past.refused_at, None, "a refused token was sent");
            let issued_at = state.past.issued_at.expect("a token came of a login");
            assert!(state.now - issued_at < LIFE - 30, "a token past its end was sent");
        }
        let answer = world.choices.choose(&ANSWERS);
        world.sent.borrow_mut().push((request.clone(), token, answer));
        let (status, body) = match answer {
            Accepts => (200, r#"{"code":200}"#),
            ExpiredByCode => (200, r#"{"code":40003}"#),
            ExpiredByStatus => (401, ""),
            Forbids => (403, ""),
            Fails => (500, ""),
            Breaks => return Err(SendError::Network("broken".to_owned())),
            Hangs => {
                world.pass(30);
                return Err(SendError::Timeout { after: Duration::from_secs(30) });
            }
        };
        Ok(Reply { status, content_type: None, body: body.into() })
    }
}

impl Clock for Here {
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.now())
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(self.0.now())
    }
}

impl State {
    fn start() -> Self {
        Self { now: 1_700_000_000, ..Self::default() }
    }

    /// Plays one call, and says where that leads.
    fn call(&self, choices: &Rc<Choices>, settings: &Settings) -> Self {
        let here = Here(Rc::new(World {
            choices: Rc::clone(choices),
            state: RefCell::new(self.clone()),
            sent: RefCell::default(),
            logins: Cell::default(),
            is_in_flight: Cell::default(),
            paused: Cell::default(),
        }));
        here.0.pass(choices.choose(&STEPS));
        let platform = Platform {
            settings: settings.clone(),
            sender: here.clone(),
            tokens: Instance { store: Store::default(), here: here.clone() },
            clock: here.clone(),
            observe: |_: &str, _: Event<'_>| {},
        };
        let url = Url::parse("http://h/x?q=1").unwrap();
        let timeout = Duration::from_secs(30);
        let request = Request::json("x", Method::post(), url, Some("{}".to_owned()), timeout);
        let retrying = Authorization::Store { retry: true };
        let result = platform.call(&request, &retrying).now_or_never().expect("an answer");

        let world = &here.0;
        let sent = world.sent.borrow();
        assert!(sent.len() <= 2 && world.logins.get() <= 2);
        assert!(world.paused.get() <= 10, "a call was held up");
        assert!(sent.iter().all(|(again, _, _)| *again == request));
        if let [(_, first, answer), (_, second, _)] = &sent[..] {
            assert_ne!(first, second, "sent again with the token that was refused");
            assert!(matches!(answer, ExpiredByCode | ExpiredByStatus));
        }
        let expected = match sent.last() {
            // No token for the first request, or for the second.
            None => Some(FailureKind::TokenStore),
            Some((_, _, ExpiredByCode | ExpiredByStatus)) if sent.len() == 1 => {
                Some(FailureKind::TokenStore)
            }
            Some((_, _, answer)) => match answer {
                Accepts => None,
                ExpiredByCode | ExpiredByStatus => Some(FailureKind::Unauthorized),
                Forbids => Some(FailureKind::Forbidden),
                Fails => Some(FailureKind::Api),
                Breaks => Some(FailureKind::Network),
                Hangs => Some(FailureKind::Timeout),
            },
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
                    }
                    let generation =
                        fields.get("held").and_then(|held| held["generation"].as_u64());
                    if let Some(refused) = fields.get_mut("refused") {
                        *refused = (refused.is_u64() && refused.as_u64() == generation).into();
                    }
                    for name in ["generation", "token"] {
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
        let Past { refused_at, refused_fresh, login, denied_at, .. } = &self.past;
        let times = (refused_at.is_some(), *refused_fresh.min(&2), denied_at.map(ago));
        let login = login.map(|(began, ended_well, ended)| (ago(began), ended_well, ago(ended)));
        format!("{file}{times:?}{login:?}")
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
