//! The rules as rows: what happens, and what is decided then.

extern crate std;

use core::time::Duration;
use std::format;
use std::string::String;

use crate::{Decision, Lifetime, State};

/// What happens to a state, at the second given with it.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A login under way.
    Attempt,
    /// A token of this generation and life in seconds, from a login.
    Received(u64, u64),
    /// The same, from where it was kept.
    Found(u64, u64),
    /// A login came to nothing.
    Failed,
    /// The credentials are refused.
    Denied,
    /// The platform refuses this generation.
    Refused(u64),
}
use Step::{Attempt, Denied, Failed, Found, Received, Refused};

/// `contacts` is whether the authority is contacted: at once ("yes"), after a wait ("in 3 s"), in the
/// background ("meanwhile"), or not.
struct Rule {
    says: &'static str,
    steps: &'static [(u64, Step)],
    now: u64,
    answer: &'static str,
    contacts: &'static str,
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { says: "an empty store logs in", steps: &[], now: 0, answer: "a new token", contacts: "yes" },
    Rule { says: "a young token serves", steps: &[(0, Received(1, 3600))], now: 10, answer: "1", contacts: "no" },
    Rule { says: "it serves until five minutes before its end", steps: &[(0, Received(1, 3600))], now: 3299, answer: "1", contacts: "no" },
    Rule { says: "then it serves while a new one is had", steps: &[(0, Received(1, 3600))], now: 3300, answer: "1", contacts: "meanwhile" },
    Rule { says: "thirty seconds before its end it serves no more", steps: &[(0, Received(1, 3600))], now: 3570, answer: "a new token", contacts: "yes" },
    Rule { says: "a short life is refreshed in its last quarter", steps: &[(0, Received(1, 40))], now: 30, answer: "1", contacts: "meanwhile" },
    Rule { says: "and serves until its last tenth", steps: &[(0, Received(1, 40))], now: 36, answer: "a new token", contacts: "yes" },
    Rule { says: "a kept token past its end is not served", steps: &[(5, Found(1, 0))], now: 5, answer: "a new token", contacts: "yes" },
    Rule { says: "an attempt under way holds off the next while the token is good", steps: &[(0, Received(1, 3600)), (3300, Attempt)], now: 3329, answer: "1", contacts: "no" },
    Rule { says: "for thirty seconds", steps: &[(0, Received(1, 3600)), (3300, Attempt)], now: 3330, answer: "1", contacts: "meanwhile" },
    Rule { says: "counted from its failure, however long it hung", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3330, Failed)], now: 3359, answer: "1", contacts: "no" },
    Rule { says: "an attempt does not hold off one that must be", steps: &[(0, Received(1, 3600)), (3569, Attempt)], now: 3570, answer: "a new token", contacts: "yes" },
    Rule { says: "an unreachable authority is asked again by the next call", steps: &[(0, Attempt)], now: 1, answer: "a new token", contacts: "yes" },
    Rule { says: "a refused token is never served", steps: &[(0, Received(1, 3600)), (10, Refused(1))], now: 10, answer: "a new token", contacts: "yes" },
    Rule { says: "the mark overrides the hold-off", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3301, Refused(1))], now: 3301, answer: "a new token", contacts: "yes" },
    Rule { says: "the mark survives a failed refresh", steps: &[(0, Received(1, 3600)), (10, Refused(1)), (10, Attempt)], now: 11, answer: "a new token", contacts: "yes" },
    Rule { says: "the mark belongs to a generation", steps: &[(0, Received(1, 3600)), (10, Refused(1)), (11, Received(2, 3600))], now: 12, answer: "2", contacts: "no" },
    Rule { says: "an old generation's refusal changes nothing", steps: &[(0, Received(1, 3600)), (1, Received(2, 3600)), (2, Refused(1))], now: 2, answer: "2", contacts: "no" },
    Rule { says: "refused credentials are everyone's answer for five seconds", steps: &[(0, Attempt), (1, Denied)], now: 5, answer: "denied", contacts: "no" },
    Rule { says: "and then tried again, never for ever", steps: &[(0, Attempt), (1, Denied)], now: 6, answer: "a new token", contacts: "yes" },
    Rule { says: "refused credentials do not end a good token", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3301, Denied)], now: 3302, answer: "1", contacts: "no" },
    Rule { says: "but a refused token is no way around them", steps: &[(0, Received(1, 3600)), (10, Denied), (11, Refused(1))], now: 12, answer: "denied", contacts: "no" },
    Rule { says: "a token that comes ends the denial", steps: &[(0, Denied), (1, Received(1, 3600))], now: 2, answer: "1", contacts: "no" },
    Rule { says: "one fresh token refused is bad luck", steps: &[(0, Attempt), (0, Received(1, 3600)), (4, Refused(1))], now: 4, answer: "a new token", contacts: "yes" },
    Rule { says: "two in a row are somebody else: logins are spaced", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(2, 3600)), (2, Refused(2))], now: 2, answer: "a new token", contacts: "in 4.002 s" },
    Rule { says: "by five seconds and what the token's number makes of the sixth", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(1_999, 3600)), (2, Refused(1_999))], now: 2, answer: "a new token", contacts: "in 4.999 s" },
    Rule { says: "and no longer", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(1_999, 3600)), (2, Refused(1_999))], now: 7, answer: "a new token", contacts: "yes" },
    Rule { says: "what somebody ends who spaces logins too is fresh", steps: &[(0, Attempt), (0, Received(1, 3600)), (6, Refused(1)), (6, Attempt), (6, Received(2, 3600)), (7, Refused(2))], now: 7, answer: "a new token", contacts: "in 4.002 s" },
    Rule { says: "whose own pace costs nobody a wait", steps: &[(0, Attempt), (0, Received(1, 3600)), (6, Refused(1)), (6, Attempt), (6, Received(2, 3600)), (12, Refused(2))], now: 12, answer: "a new token", contacts: "yes" },
    Rule { says: "a token that lived ends the row", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(2, 3600)), (11, Refused(2)), (11, Attempt), (11, Received(3, 3600)), (12, Refused(3))], now: 12, answer: "a new token", contacts: "yes" },
    Rule { says: "and so does one that was never refused", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(2, 3600)), (3301, Attempt), (3301, Received(3, 3600)), (3302, Refused(3))], now: 3302, answer: "a new token", contacts: "yes" },
    Rule { says: "a kept token that is refused says nothing of fresh ones", steps: &[(0, Found(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(2, 3600)), (2, Refused(2))], now: 2, answer: "a new token", contacts: "yes" },
    Rule { says: "many callers refusing one token refuse it once", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Refused(1)), (1, Refused(1))], now: 1, answer: "a new token", contacts: "yes" },
];

fn play(steps: &[(u64, Step)]) -> State<u64, &'static str> {
    let mut state = State::default();
    for (at, step) in steps {
        let at = Duration::from_secs(*at);
        match *step {
            Attempt => state.attempt(at),
            Received(generation, life) => {
                state.received(generation, generation, Lifetime::of_seconds(life), at);
            }
            Found(generation, life) => {
                state.found(generation, generation, Lifetime::of_seconds(life), at);
            }
            Failed => state.failed(at),
            Denied => state.denied("denied", at),
            Refused(generation) => state.refused(generation, at),
        }
    }
    state
}

fn told(decision: Decision<'_, u64, &'static str>) -> (String, String) {
    match decision {
        Decision::Valid(token) => (format!("{token}"), "no".into()),
        Decision::RefreshSoon(token) => (format!("{token}"), "meanwhile".into()),
        Decision::MustRefresh { wait } if wait.is_zero() => ("a new token".into(), "yes".into()),
        Decision::MustRefresh { wait } => {
            ("a new token".into(), format!("in {} s", wait.as_secs_f64()))
        }
        Decision::Denied(error) => ((*error).into(), "no".into()),
    }
}

#[test]
fn every_rule_holds() {
    for rule in RULES {
        let state = play(rule.steps);
        let (answer, contacts) = told(state.decide(Duration::from_secs(rule.now)));
        assert_eq!(
            (answer.as_str(), contacts.as_str()),
            (rule.answer, rule.contacts),
            "{}",
            rule.says
        );
    }
}

#[test]
fn a_token_wanted_anew_is_fetched_whatever_is_held_but_not_past_a_denial() {
    let good = play(&[(0, Received(1, 3600))]);
    assert_eq!(told(good.decide_anew(Duration::from_secs(1))).1, "yes");
    let denied = play(&[(0, Received(1, 3600)), (1, Denied)]);
    assert_eq!(told(denied.decide_anew(Duration::from_secs(2))).0, "denied");
}

/// Every sequence of what can happen, up to seven steps a second, six or eleven apart: a refused token
/// is never served, a denial never lasts, and there is always an answer.
#[test]
fn no_sequence_serves_a_refused_token_or_denies_for_ever() {
    const MOVES: [(u64, Option<Step>); 7] = [
        (1, None),
        (6, None),
        (11, None),
        (0, Some(Attempt)),
        (0, Some(Received(0, 40))),
        (0, Some(Denied)),
        (0, Some(Refused(0))),
    ];
    fn explore(state: &State<u64, &'static str>, now: u64, refused: Option<u64>, depth: u32) {
        let at = Duration::from_secs(now);
        match state.decide(at) {
            Decision::Valid(token) | Decision::RefreshSoon(token) => {
                assert_ne!(Some(*token), refused);
                assert_eq!(Some(*token), state.generation());
            }
            Decision::Denied(_) => {
                let later = state.decide(at + Duration::from_secs(5));
                assert!(matches!(later, Decision::MustRefresh { .. }));
            }
            Decision::MustRefresh { wait } => assert!(wait < Duration::from_secs(6)),
        }
        if depth == 0 {
            return;
        }
        for (seconds, step) in MOVES {
            let (now, mut state, mut refused) = (now + seconds, state.clone(), refused);
            let at = Duration::from_secs(now);
            match step {
                None => {}
                Some(Attempt) => state.attempt(at),
                Some(Received(_, life)) => {
                    let generation = state.generation().map_or(1, |held| held + 1);
                    state.received(generation, generation, Lifetime::of_seconds(life), at);
                }
                Some(Found(..) | Failed) => unreachable!("not among the moves"),
                Some(Denied) => state.denied("denied", at),
                Some(Refused(_)) => {
                    if let Some(held) = state.generation() {
                        state.refused(held, at);
                        refused = Some(held);
                    }
                }
            }
            explore(&state, now, refused, depth - 1);
        }
    }
    explore(&State::default(), 0, None, 7);
}
