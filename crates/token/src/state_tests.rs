//! The rules as rows: what happens, and what is decided then.

extern crate std;

use core::time::Duration;
use std::format;
use std::string::String;

use crate::timing::MAX_BACKOFF;
use crate::{Asker, Block, Cause, Decision, Lifetime, State};

/// What happens to a state, at the second given with it.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A login under way.
    Attempt,
    /// A token of this generation and life in seconds, from a login.
    Received(u64, u64),
    /// The same, from where it was kept.
    Found(u64, u64),
    /// The same, which a person asked for.
    Asked,
    /// The authority gave no usable response.
    Down,
    /// The same, and it asks to wait so many seconds.
    Busy(u64),
    /// The authority rejected the credentials.
    Rejected,
    /// The same, and it allows so many more tries.
    TriesLeft(u32),
    /// The authority failed with a code that names no cause.
    Failed,
    /// The settings name other credentials.
    Corrected(u16),
    /// The platform refuses this generation.
    Refused(u64),
}
use Step::{
    Asked, Attempt, Busy, Corrected, Down, Failed, Found, Received, Refused, Rejected, TriesLeft,
};

/// `answer` is what a call gets, or who else asks: a person, or the holder of the lock. `contacts` is
/// whether the authority is contacted: at once ("yes"), after a wait ("in 3 s"), in the background
/// ("meanwhile"), or not ("no", "no, for 3 s").
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
    Rule { says: "nor is it renewed early when that could end after it", steps: &[(0, Received(1, 3600))], now: 3567, answer: "1", contacts: "no" },
    Rule { says: "a short life is refreshed in its last quarter", steps: &[(0, Received(1, 40))], now: 30, answer: "1", contacts: "meanwhile" },
    Rule { says: "and serves until its last tenth", steps: &[(0, Received(1, 40))], now: 36, answer: "a new token", contacts: "yes" },
    Rule { says: "a kept token past its end is not served", steps: &[(5, Found(1, 0))], now: 5, answer: "a new token", contacts: "yes" },
    Rule { says: "an attempt under way holds off the next while the token is good", steps: &[(0, Received(1, 3600)), (3300, Attempt)], now: 3329, answer: "1", contacts: "no" },
    Rule { says: "for thirty seconds", steps: &[(0, Received(1, 3600)), (3300, Attempt)], now: 3330, answer: "1", contacts: "meanwhile" },
    Rule { says: "counted from its failure, however long it hung", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3330, Down)], now: 3359, answer: "1", contacts: "no" },
    Rule { says: "an attempt does not hold off one that must be", steps: &[(0, Received(1, 3600)), (3569, Attempt)], now: 3570, answer: "a new token", contacts: "yes" },
    Rule { says: "rejected credentials are not tried again for a minute", steps: &[(0, Attempt), (1, Rejected)], now: 60, answer: "rejected", contacts: "no, for 1 s" },
    Rule { says: "and then once more", steps: &[(0, Attempt), (1, Rejected)], now: 61, answer: "a new token", contacts: "yes" },
    Rule { says: "the third login is ten minutes after the second", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Rejected)], now: 659, answer: "rejected", contacts: "no, for 1 s" },
    Rule { says: "and no sooner", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Rejected)], now: 660, answer: "a new token", contacts: "yes" },
    Rule { says: "there is no fourth", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Rejected), (660, Attempt), (660, Rejected)], now: 9_999_999, answer: "rejected", contacts: "no" },
    Rule { says: "nor a second where two tries are left", steps: &[(0, Attempt), (0, TriesLeft(2))], now: 9_999_999, answer: "rejected", contacts: "no" },
    Rule { says: "with four left the pace is the usual one", steps: &[(0, Attempt), (0, TriesLeft(4))], now: 60, answer: "a new token", contacts: "yes" },
    Rule { says: "a lost word of few tries left is not forgotten", steps: &[(0, Attempt), (0, TriesLeft(1)), (60, Asked), (60, Rejected)], now: 9_999_999, answer: "rejected", contacts: "no" },
    Rule { says: "corrected credentials are tried at once", steps: &[(0, Attempt), (0, TriesLeft(1)), (1, Corrected(2))], now: 1, answer: "a new token", contacts: "yes" },
    Rule { says: "and going back to the wrong ones is no new try", steps: &[(0, Attempt), (0, Rejected), (1, Corrected(2)), (1, Attempt), (1, Rejected), (2, Corrected(0))], now: 3, answer: "rejected", contacts: "no, for 57 s" },
    Rule { says: "nor are they one after others gave a token", steps: &[(0, Attempt), (0, TriesLeft(1)), (1, Corrected(2)), (1, Attempt), (1, Received(1, 40)), (2, Corrected(0))], now: 100, answer: "rejected", contacts: "no" },
    Rule { says: "a failing code without a cause has the same pace", steps: &[(0, Attempt), (0, Failed), (60, Attempt), (60, Failed)], now: 659, answer: "failed", contacts: "no, for 1 s" },
    Rule { says: "and one login an hour from then on", steps: &[(0, Attempt), (0, Failed), (60, Attempt), (60, Failed), (660, Attempt), (660, Failed)], now: 660 + 3599, answer: "failed", contacts: "no, for 1 s" },
    Rule { says: "which does not end", steps: &[(0, Attempt), (0, Failed), (60, Attempt), (60, Failed), (660, Attempt), (660, Failed), (9999, Attempt), (9999, Failed)], now: 9999 + 3600, answer: "a new token", contacts: "yes" },
    Rule { says: "rejected and failed logins count together", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Failed), (660, Attempt), (660, Rejected)], now: 9_999_999, answer: "rejected", contacts: "no" },
    Rule { says: "an outage between them forgets none", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Down), (62, Attempt), (62, Rejected)], now: 661, answer: "rejected", contacts: "no, for 1 s" },
    Rule { says: "rejected credentials do not end a good token", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3301, TriesLeft(1))], now: 3500, answer: "1", contacts: "no" },
    Rule { says: "but a refused token is no way around them", steps: &[(0, Received(1, 3600)), (10, Attempt), (10, Rejected), (11, Refused(1))], now: 12, answer: "rejected", contacts: "no, for 58 s" },
    Rule { says: "a token that comes ends the pace", steps: &[(0, Attempt), (0, Rejected), (1, Received(1, 40)), (40, Attempt), (40, Rejected)], now: 100, answer: "a new token", contacts: "yes" },
    Rule { says: "a person waits for nothing the first time", steps: &[(0, Attempt), (0, TriesLeft(1))], now: 1, answer: "a person's", contacts: "yes" },
    Rule { says: "and a minute the second", steps: &[(0, Attempt), (0, Rejected), (1, Asked), (1, Rejected)], now: 2, answer: "a person's", contacts: "no, for 59 s" },
    Rule { says: "and ten from then on", steps: &[(0, Asked), (0, Rejected), (60, Asked), (60, Rejected), (660, Asked), (660, Rejected)], now: 661, answer: "a person's", contacts: "no, for 599 s" },
    Rule { says: "what a person tried counts for calls", steps: &[(0, Asked), (0, Rejected), (60, Asked), (60, Rejected)], now: 120, answer: "rejected", contacts: "no, for 540 s" },
    Rule { says: "a person does not hasten an authority that is down", steps: &[(0, Attempt), (0, Busy(20))], now: 1, answer: "a person's", contacts: "no, for 19 s" },
    Rule { says: "and an outage does not use up what a person may ask", steps: &[(0, Attempt), (0, Rejected), (1, Asked), (1, Down)], now: 3, answer: "a person's", contacts: "yes" },
    Rule { says: "a renewal that fails early makes no call wait", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3300, Down), (3330, Attempt), (3330, Down), (3360, Attempt), (3360, Down), (3568, Attempt), (3568, Down)], now: 3570, answer: "a new token", contacts: "yes" },
    Rule { says: "Retry-After is honoured", steps: &[(0, Attempt), (0, Busy(300))], now: 299, answer: "down", contacts: "no, for 1 s" },
    Rule { says: "and no longer", steps: &[(0, Attempt), (0, Busy(300))], now: 300, answer: "a new token", contacts: "yes" },
    Rule { says: "an authority that is down is asked again after a second", steps: &[(0, Attempt), (0, Down)], now: 1, answer: "a new token", contacts: "yes" },
    Rule { says: "a login that was stopped is made again at once", steps: &[(0, Attempt)], now: 8, answer: "the lock's", contacts: "yes" },
    Rule { says: "the second one of unknown end is spaced", steps: &[(0, Attempt), (8, Attempt)], now: 67, answer: "the lock's", contacts: "no, for 1 s" },
    Rule { says: "as is the third", steps: &[(0, Attempt), (8, Attempt), (68, Attempt)], now: 667, answer: "the lock's", contacts: "no, for 1 s" },
    Rule { says: "but callers wait for one that may be under way", steps: &[(0, Attempt), (8, Attempt)], now: 9, answer: "a new token", contacts: "yes" },
    Rule { says: "credentials that gave a token lose a minute at most", steps: &[(0, Attempt), (0, Received(1, 40)), (40, Attempt), (48, Attempt), (108, Attempt), (168, Attempt)], now: 228, answer: "the lock's", contacts: "yes" },
    Rule { says: "a stopped login counts as a try with rejected credentials", steps: &[(0, Attempt), (0, Rejected), (60, Attempt)], now: 659, answer: "the lock's", contacts: "no, for 1 s" },
    Rule { says: "a refused token is never served", steps: &[(0, Received(1, 3600)), (10, Refused(1))], now: 10, answer: "a new token", contacts: "yes" },
    Rule { says: "the mark overrides the hold-off", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3301, Refused(1))], now: 3301, answer: "a new token", contacts: "yes" },
    Rule { says: "the mark survives a failed refresh", steps: &[(0, Received(1, 3600)), (10, Refused(1)), (10, Attempt)], now: 11, answer: "a new token", contacts: "yes" },
    Rule { says: "the mark belongs to a generation", steps: &[(0, Received(1, 3600)), (10, Refused(1)), (11, Received(2, 3600))], now: 12, answer: "2", contacts: "no" },
    Rule { says: "an old generation's refusal changes nothing", steps: &[(0, Received(1, 3600)), (1, Received(2, 3600)), (2, Refused(1))], now: 2, answer: "2", contacts: "no" },
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

fn play(steps: &[(u64, Step)]) -> State<u64> {
    let mut state = State::default();
    for (at, step) in steps {
        let at = Duration::from_secs(*at);
        match *step {
            Attempt => state.attempt(at, Asker::Call),
            Asked => state.attempt(at, Asker::Person),
            Received(generation, life) => {
                state.received(generation, generation, Lifetime::of_seconds(life), at);
            }
            Found(generation, life) => {
                state.found(generation, generation, Lifetime::of_seconds(life), at);
            }
            Down => state.unavailable("down".into(), None, at),
            Busy(seconds) => {
                state.unavailable("down".into(), Some(Duration::from_secs(seconds)), at);
            }
            Rejected => state.rejected("rejected".into(), None, at),
            TriesLeft(left) => state.rejected("rejected".into(), Some(left), at),
            Failed => state.failed("failed".into(), at),
            Corrected(credentials) => state.logins.log_in_as(credentials),
            Refused(generation) => state.refused(generation, at),
        }
    }
    state
}

/// What is answered, and whether the authority is contacted.
fn told(decision: Decision<'_, u64>) -> (String, String) {
    match decision {
        Decision::Valid(token) => (format!("{token}"), "no".into()),
        Decision::RefreshSoon(token) => (format!("{token}"), "meanwhile".into()),
        Decision::MustRefresh { wait } if wait.is_zero() => ("a new token".into(), "yes".into()),
        Decision::MustRefresh { wait } => {
            ("a new token".into(), format!("in {} s", wait.as_secs_f64()))
        }
        Decision::Blocked(Block { why, left: Some(left), .. }) => {
            (why.into(), format!("no, for {} s", left.as_secs_f64()))
        }
        Decision::Blocked(Block { why, left: None, .. }) => (why.into(), "no".into()),
    }
}

#[test]
fn every_rule_holds() {
    for rule in RULES {
        let state = play(rule.steps);
        let now = Duration::from_secs(rule.now);
        let decision = match rule.answer {
            "a person's" => state.decide_anew(Asker::Person, true, now),
            "the lock's" => state.decide_for(Asker::Call, true, now),
            _ => state.decide(now),
        };
        let (answer, contacts) = told(decision);
        assert_eq!(contacts, rule.contacts, "{}", rule.says);
        if !matches!(rule.answer, "a person's" | "the lock's") {
            assert_eq!(answer, rule.answer, "{}", rule.says);
        }
    }
}

#[test]
fn a_token_wanted_anew_is_fetched_whatever_is_held_but_not_past_a_rejection() {
    let anew =
        |steps, now| told(play(steps).decide_anew(Asker::Call, false, Duration::from_secs(now)));
    assert_eq!(anew(&[(0, Received(1, 3600))], 1).1, "yes");
    assert_eq!(anew(&[(0, Received(1, 3600)), (1, Attempt), (1, Rejected)], 2).0, "rejected");
}

/// The waits between the logins of callers who ask all the time.
fn waits(count: usize, outcome: impl Fn(&mut State<u64>, Duration)) -> std::vec::Vec<f64> {
    let (mut state, mut now) = (State::default(), Duration::from_secs(1_700_000_000));
    let mut waits = std::vec::Vec::new();
    for _ in 0..count {
        state.attempt(now, Asker::Call);
        outcome(&mut state, now);
        let Decision::Blocked(Block { left: Some(left), .. }) = state.decide(now) else { break };
        waits.push(left.as_secs_f64());
        now += left;
    }
    waits
}

#[test]
fn an_outage_is_asked_about_less_and_less_and_never_later_than_the_cap() {
    let waits = waits(12, |state, now| state.unavailable("down".into(), None, now));
    let cap = MAX_BACKOFF.as_secs_f64();
    for (wait, base) in
        waits.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, cap, cap, cap, cap, cap, cap])
    {
        assert!(*wait > 0.75 * base && *wait <= base, "{wait} of {base}: {waits:?}");
    }
    assert_eq!(waits.len(), 12);
    assert!(waits[6..].windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.01), "{waits:?}");
}

#[test]
fn rejected_credentials_are_three_logins_and_failed_ones_go_on_hourly() {
    assert_eq!(waits(9, |state, now| state.rejected("no".into(), None, now)), [60.0, 600.0]);
    let failed = waits(5, |state, now| state.failed("no".into(), now));
    assert_eq!(failed, [60.0, 600.0, 3600.0, 3600.0, 3600.0]);
}

/// Credentials in turn, each wrong: none of them buys another a try.
#[test]
fn wrong_credentials_in_turn_are_three_logins_each() {
    let (mut state, mut logins) = (State::<u64>::default(), [0; 4]);
    for second in 0..20_000 {
        let who = second as usize % logins.len();
        state.logins.log_in_as(who as u16);
        let now = Duration::from_secs(second);
        if matches!(state.decide(now), Decision::MustRefresh { .. }) {
            logins[who] += 1;
            state.attempt(now, Asker::Call);
            state.rejected("no".into(), None, now);
        }
    }
    assert_eq!(logins, [3; 4]);
}

#[test]
fn a_clock_that_jumps_buys_no_try() {
    let mut state = play(&[(90_000, Attempt), (90_000, Rejected)]);
    // Set back by a day: the pace begins anew, and the try still counts.
    let now = Duration::from_secs(3_600);
    assert!(state.recall(now));
    assert_eq!(told(state.decide(now)).1, "no, for 60 s");
    // To and fro for ever.
    let mut logins = 1;
    for turn in 0..1_000_u64 {
        let now = Duration::from_secs(3_600 + 86_400 * (turn % 3));
        state.recall(now);
        if matches!(state.decide(now), Decision::MustRefresh { .. }) {
            state.attempt(now, Asker::Call);
            state.rejected("no".into(), None, now);
            logins += 1;
        }
    }
    assert_eq!(logins, 3);
    // An outage is no reason to be silent for as long as a clock was ahead.
    let mut state = play(&[(90_000, Attempt), (90_000, Down)]);
    state.recall(now);
    assert_eq!(told(state.decide(now)).1, "yes");
}

/// Every sequence of what can happen, up to six steps at once, a minute, or eleven apart: a refused token
/// is never served, no credentials are rejected a fourth time, and there is always an answer.
#[test]
fn no_sequence_serves_a_refused_token_or_rejects_a_fourth_time() {
    const MOVES: [(u64, Option<Step>); 7] = [
        (1, None),
        (60, None),
        (660, None),
        (0, Some(Received(0, 40))),
        (0, Some(Rejected)),
        (0, Some(Down)),
        (0, Some(Refused(0))),
    ];
    fn explore(state: &State<u64>, now: u64, refused: Option<u64>, rejected: u32, depth: u32) {
        let at = Duration::from_secs(now);
        let mut may_log_in = false;
        match state.decide(at) {
            Decision::Valid(token) => {
                assert_ne!(Some(*token), refused);
                assert_eq!(Some(*token), state.generation());
            }
            Decision::RefreshSoon(token) => {
                assert_ne!(Some(*token), refused);
                may_log_in = true;
            }
            Decision::Blocked(block) => {
                assert!(block.left.is_some() || rejected >= 3);
                assert!(block.cause == Cause::Rejected || block.left < Some(MAX_BACKOFF));
            }
            Decision::MustRefresh { wait } => {
                assert!(wait < Duration::from_secs(6));
                may_log_in = true;
            }
        }
        assert!(!may_log_in || rejected < 3, "a fourth try");
        if depth == 0 {
            return;
        }
        for (seconds, step) in MOVES {
            let (now, mut state, mut refused) = (now + seconds, state.clone(), refused);
            let mut rejected = rejected;
            let at = Duration::from_secs(now);
            let is_login = matches!(step, Some(Received(..) | Rejected | Down));
            if is_login {
                if !may_log_in {
                    continue;
                }
                state.attempt(at, Asker::Call);
            }
            match step {
                Some(Received(_, life)) => {
                    let generation = state.generation().map_or(1, |held| held + 1);
                    state.received(generation, generation, Lifetime::of_seconds(life), at);
                    rejected = 0;
                }
                Some(Rejected) => {
                    state.rejected("no".into(), None, at);
                    rejected += 1;
                }
                Some(Down) => state.unavailable("down".into(), None, at),
                Some(Refused(_)) => {
                    if let Some(held) = state.generation() {
                        state.refused(held, at);
                        refused = Some(held);
                    }
                }
                _ => {}
            }
            explore(&state, now, refused, rejected, depth - 1);
        }
    }
    explore(&State::default(), 0, None, 0, 8);
}
