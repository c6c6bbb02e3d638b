//! The rules as rows of data: what happens, and what is decided.

extern crate std;

use core::time::Duration;
use std::format;
use std::string::String;

use crate::timing::MAX_BACKOFF;
use crate::{Block, Cause, Decision, Lifetime, Requester, State};

/// What happens to a state.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A login is begun for a call.
    Attempt,
    /// A login returns a token of this generation and lifetime in seconds.
    Received(u64, u64),
    /// A stored token of this generation and lifetime in seconds is found.
    Found(u64, u64),
    /// A login is begun for a person.
    Asked,
    /// The authority returns no usable response.
    Down,
    /// The authority returns no usable response and asks to wait so many seconds.
    Busy(u64),
    /// The authority rejects the credentials.
    Rejected,
    /// The authority rejects the credentials and allows so many more tries.
    TriesLeft(u32),
    /// The authority fails with a code that names no cause.
    Failed,
    /// The settings change to these credentials.
    Corrected(u16),
    /// The platform rejects the token of this generation.
    Refused(u64),
}
use Step::{
    Asked, Attempt, Busy, Corrected, Down, Failed, Found, Received, Refused, Rejected, TriesLeft,
};

/// A rule: after `steps`, at the second `now`, this is decided.
///
/// `answer` is the token or error of a call, or `a person's` or `the lock's` if a person or the holder of the
/// lock asks. `contacts` is when the authority is contacted: `yes`, `in 3 s`, `meanwhile`, `no` or
/// `no, for 3 s`.
struct Rule {
    name: &'static str,
    steps: &'static [(u64, Step)],
    now: u64,
    answer: &'static str,
    contacts: &'static str,
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { name: "an empty store logs in", steps: &[], now: 0, answer: "a new token", contacts: "yes" },
    Rule { name: "a young token is used", steps: &[(0, Received(1, 3600))], now: 10, answer: "1", contacts: "no" },
    Rule { name: "a token is used without a refresh until five minutes before its end", steps: &[(0, Received(1, 3600))], now: 3299, answer: "1", contacts: "no" },
    Rule { name: "five minutes before its end it is refreshed while it is used", steps: &[(0, Received(1, 3600))], now: 3300, answer: "1", contacts: "meanwhile" },
    Rule { name: "thirty seconds before its end it is not used any more", steps: &[(0, Received(1, 3600))], now: 3570, answer: "a new token", contacts: "yes" },
    Rule { name: "it is not refreshed early if that could end after its end", steps: &[(0, Received(1, 3600))], now: 3567, answer: "1", contacts: "no" },
    Rule { name: "a token with a short lifetime is refreshed in its last quarter", steps: &[(0, Received(1, 40))], now: 30, answer: "1", contacts: "meanwhile" },
    Rule { name: "and used until its last tenth", steps: &[(0, Received(1, 40))], now: 36, answer: "a new token", contacts: "yes" },
    Rule { name: "a stored token past its end is not used", steps: &[(5, Found(1, 0))], now: 5, answer: "a new token", contacts: "yes" },
    Rule { name: "a login in flight delays the next early refresh", steps: &[(0, Received(1, 3600)), (3300, Attempt)], now: 3329, answer: "1", contacts: "no" },
    Rule { name: "for thirty seconds", steps: &[(0, Received(1, 3600)), (3300, Attempt)], now: 3330, answer: "1", contacts: "meanwhile" },
    Rule { name: "counted from its failure, however long it took", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3330, Down)], now: 3359, answer: "1", contacts: "no" },
    Rule { name: "a login in flight does not delay a login that is needed", steps: &[(0, Received(1, 3600)), (3569, Attempt)], now: 3570, answer: "a new token", contacts: "yes" },
    Rule { name: "after a rejection the first backoff is a minute", steps: &[(0, Attempt), (1, Rejected)], now: 60, answer: "rejected", contacts: "no, for 1 s" },
    Rule { name: "after a minute a second login is made", steps: &[(0, Attempt), (1, Rejected)], now: 61, answer: "a new token", contacts: "yes" },
    Rule { name: "after the second rejection the backoff is ten minutes", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Rejected)], now: 659, answer: "rejected", contacts: "no, for 1 s" },
    Rule { name: "after ten minutes a third login is made", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Rejected)], now: 660, answer: "a new token", contacts: "yes" },
    Rule { name: "there is no fourth login", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Rejected), (660, Attempt), (660, Rejected)], now: 9_999_999, answer: "rejected", contacts: "no" },
    Rule { name: "there is no second login if two tries are left", steps: &[(0, Attempt), (0, TriesLeft(2))], now: 9_999_999, answer: "rejected", contacts: "no" },
    Rule { name: "with four tries left the backoff is the usual one", steps: &[(0, Attempt), (0, TriesLeft(4))], now: 60, answer: "a new token", contacts: "yes" },
    Rule { name: "few tries left are remembered if the next response does not mention them", steps: &[(0, Attempt), (0, TriesLeft(1)), (60, Asked), (60, Rejected)], now: 9_999_999, answer: "rejected", contacts: "no" },
    Rule { name: "corrected credentials are tried at once", steps: &[(0, Attempt), (0, TriesLeft(1)), (1, Corrected(2))], now: 1, answer: "a new token", contacts: "yes" },
    Rule { name: "going back to the wrong credentials does not reset their backoff", steps: &[(0, Attempt), (0, Rejected), (1, Corrected(2)), (1, Attempt), (1, Rejected), (2, Corrected(0))], now: 3, answer: "rejected", contacts: "no, for 57 s" },
    Rule { name: "nor does a token for other credentials", steps: &[(0, Attempt), (0, TriesLeft(1)), (1, Corrected(2)), (1, Attempt), (1, Received(1, 40)), (2, Corrected(0))], now: 100, answer: "rejected", contacts: "no" },
    Rule { name: "a failing code without a cause has the same backoff", steps: &[(0, Attempt), (0, Failed), (60, Attempt), (60, Failed)], now: 659, answer: "failed", contacts: "no, for 1 s" },
    Rule { name: "after three of them the backoff is an hour", steps: &[(0, Attempt), (0, Failed), (60, Attempt), (60, Failed), (660, Attempt), (660, Failed)], now: 660 + 3599, answer: "failed", contacts: "no, for 1 s" },
    Rule { name: "and hourly logins go on forever", steps: &[(0, Attempt), (0, Failed), (60, Attempt), (60, Failed), (660, Attempt), (660, Failed), (9999, Attempt), (9999, Failed)], now: 9999 + 3600, answer: "a new token", contacts: "yes" },
    Rule { name: "rejected and failed logins are counted together", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Failed), (660, Attempt), (660, Rejected)], now: 9_999_999, answer: "rejected", contacts: "no" },
    Rule { name: "an outage between them does not reset the count", steps: &[(0, Attempt), (0, Rejected), (60, Attempt), (60, Down), (62, Attempt), (62, Rejected)], now: 661, answer: "rejected", contacts: "no, for 1 s" },
    Rule { name: "rejected credentials do not invalidate a good token", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3301, TriesLeft(1))], now: 3500, answer: "1", contacts: "no" },
    Rule { name: "a rejected token does not allow a login with rejected credentials", steps: &[(0, Received(1, 3600)), (10, Attempt), (10, Rejected), (11, Refused(1))], now: 12, answer: "rejected", contacts: "no, for 58 s" },
    Rule { name: "a new token resets the backoff", steps: &[(0, Attempt), (0, Rejected), (1, Received(1, 40)), (40, Attempt), (40, Rejected)], now: 100, answer: "a new token", contacts: "yes" },
    Rule { name: "a person's first login is not delayed", steps: &[(0, Attempt), (0, TriesLeft(1))], now: 1, answer: "a person's", contacts: "yes" },
    Rule { name: "a person's second login is a minute later", steps: &[(0, Attempt), (0, Rejected), (1, Asked), (1, Rejected)], now: 2, answer: "a person's", contacts: "no, for 59 s" },
    Rule { name: "a person's later logins are ten minutes apart", steps: &[(0, Asked), (0, Rejected), (60, Asked), (60, Rejected), (660, Asked), (660, Rejected)], now: 661, answer: "a person's", contacts: "no, for 599 s" },
    Rule { name: "a person's logins count for calls", steps: &[(0, Asked), (0, Rejected), (60, Asked), (60, Rejected)], now: 120, answer: "rejected", contacts: "no, for 540 s" },
    Rule { name: "a person's login waits while the authority is down", steps: &[(0, Attempt), (0, Busy(20))], now: 1, answer: "a person's", contacts: "no, for 19 s" },
    Rule { name: "an outage does not use up a person's logins", steps: &[(0, Attempt), (0, Rejected), (1, Asked), (1, Down)], now: 3, answer: "a person's", contacts: "yes" },
    Rule { name: "failed early refreshes do not delay a call that needs a token", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3300, Down), (3330, Attempt), (3330, Down), (3360, Attempt), (3360, Down), (3568, Attempt), (3568, Down)], now: 3570, answer: "a new token", contacts: "yes" },
    Rule { name: "Retry-After is obeyed", steps: &[(0, Attempt), (0, Busy(300))], now: 299, answer: "down", contacts: "no, for 1 s" },
    Rule { name: "and not for longer", steps: &[(0, Attempt), (0, Busy(300))], now: 300, answer: "a new token", contacts: "yes" },
    Rule { name: "the first backoff in an outage is a second", steps: &[(0, Attempt), (0, Down)], now: 1, answer: "a new token", contacts: "yes" },
    Rule { name: "an interrupted login is repeated at once", steps: &[(0, Attempt)], now: 8, answer: "the lock's", contacts: "yes" },
    Rule { name: "after the second one there is a backoff", steps: &[(0, Attempt), (8, Attempt)], now: 67, answer: "the lock's", contacts: "no, for 1 s" },
    Rule { name: "after the third one too", steps: &[(0, Attempt), (8, Attempt), (68, Attempt)], now: 667, answer: "the lock's", contacts: "no, for 1 s" },
    Rule { name: "a login that may be in flight does not count for callers without the lock", steps: &[(0, Attempt), (8, Attempt)], now: 9, answer: "a new token", contacts: "yes" },
    Rule { name: "credentials that gave a token have a backoff of at most a minute", steps: &[(0, Attempt), (0, Received(1, 40)), (40, Attempt), (48, Attempt), (108, Attempt), (168, Attempt)], now: 228, answer: "the lock's", contacts: "yes" },
    Rule { name: "an interrupted login counts as a rejected one if the credentials are rejected", steps: &[(0, Attempt), (0, Rejected), (60, Attempt)], now: 659, answer: "the lock's", contacts: "no, for 1 s" },
    Rule { name: "a rejected token is not used", steps: &[(0, Received(1, 3600)), (10, Refused(1))], now: 10, answer: "a new token", contacts: "yes" },
    Rule { name: "a rejected token is replaced in spite of a recent login", steps: &[(0, Received(1, 3600)), (3300, Attempt), (3301, Refused(1))], now: 3301, answer: "a new token", contacts: "yes" },
    Rule { name: "a token stays rejected after a failed refresh", steps: &[(0, Received(1, 3600)), (10, Refused(1)), (10, Attempt)], now: 11, answer: "a new token", contacts: "yes" },
    Rule { name: "a rejection belongs to a generation", steps: &[(0, Received(1, 3600)), (10, Refused(1)), (11, Received(2, 3600))], now: 12, answer: "2", contacts: "no" },
    Rule { name: "the rejection of an old generation changes nothing", steps: &[(0, Received(1, 3600)), (1, Received(2, 3600)), (2, Refused(1))], now: 2, answer: "2", contacts: "no" },
    Rule { name: "one rejected fresh token is not contention", steps: &[(0, Attempt), (0, Received(1, 3600)), (4, Refused(1))], now: 4, answer: "a new token", contacts: "yes" },
    Rule { name: "two rejected fresh tokens in a row are contention, so logins are kept apart", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(2, 3600)), (2, Refused(2))], now: 2, answer: "a new token", contacts: "in 4.002 s" },
    Rule { name: "by five seconds and a jitter from the token's generation", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(1_999, 3600)), (2, Refused(1_999))], now: 2, answer: "a new token", contacts: "in 4.999 s" },
    Rule { name: "and not for longer", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(1_999, 3600)), (2, Refused(1_999))], now: 7, answer: "a new token", contacts: "yes" },
    Rule { name: "a token that is ended at the interval of another client counts as fresh", steps: &[(0, Attempt), (0, Received(1, 3600)), (6, Refused(1)), (6, Attempt), (6, Received(2, 3600)), (7, Refused(2))], now: 7, answer: "a new token", contacts: "in 4.002 s" },
    Rule { name: "an interval that has passed already delays no login", steps: &[(0, Attempt), (0, Received(1, 3600)), (6, Refused(1)), (6, Attempt), (6, Received(2, 3600)), (12, Refused(2))], now: 12, answer: "a new token", contacts: "yes" },
    Rule { name: "the rejection of an old token ends contention", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(2, 3600)), (11, Refused(2)), (11, Attempt), (11, Received(3, 3600)), (12, Refused(3))], now: 12, answer: "a new token", contacts: "yes" },
    Rule { name: "a token that was not rejected ends contention", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(2, 3600)), (3301, Attempt), (3301, Received(3, 3600)), (3302, Refused(3))], now: 3302, answer: "a new token", contacts: "yes" },
    Rule { name: "the rejection of a stored token does not count as that of a fresh one", steps: &[(0, Found(1, 3600)), (1, Refused(1)), (1, Attempt), (1, Received(2, 3600)), (2, Refused(2))], now: 2, answer: "a new token", contacts: "yes" },
    Rule { name: "several reports of one rejection count once", steps: &[(0, Attempt), (0, Received(1, 3600)), (1, Refused(1)), (1, Refused(1)), (1, Refused(1))], now: 1, answer: "a new token", contacts: "yes" },
];

fn play(steps: &[(u64, Step)]) -> State<u64> {
    let mut state = State::default();
    for (at, step) in steps {
        let at = Duration::from_secs(*at);
        match *step {
            Attempt => state.attempt(at, Requester::Call),
            Asked => state.attempt(at, Requester::Person),
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
            Corrected(credentials) => state.logins.set_credentials(credentials),
            Refused(generation) => state.refused(generation, at),
        }
    }
    state
}

/// Returns `answer` and `contacts` of a decision.
fn describe(decision: Decision<'_, u64>) -> (String, String) {
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
            "a person's" => state.decide_new(Requester::Person, true, now),
            "the lock's" => state.decide_for(Requester::Call, true, now),
            _ => state.decide(now),
        };
        let (answer, contacts) = describe(decision);
        assert_eq!(contacts, rule.contacts, "{}", rule.name);
        if !matches!(rule.answer, "a person's" | "the lock's") {
            assert_eq!(answer, rule.answer, "{}", rule.name);
        }
    }
}

#[test]
fn decide_new_replaces_a_good_token_but_respects_a_rejection() {
    let anew = |steps, now| {
        describe(play(steps).decide_new(Requester::Call, false, Duration::from_secs(now)))
    };
    assert_eq!(anew(&[(0, Received(1, 3600))], 1).1, "yes");
    assert_eq!(anew(&[(0, Received(1, 3600)), (1, Attempt), (1, Rejected)], 2).0, "rejected");
}

/// Returns the waits in seconds between logins if a token is requested all the time.
fn waits(count: usize, outcome: impl Fn(&mut State<u64>, Duration)) -> std::vec::Vec<f64> {
    let (mut state, mut now) = (State::default(), Duration::from_secs(1_700_000_000));
    let mut waits = std::vec::Vec::new();
    for _ in 0..count {
        state.attempt(now, Requester::Call);
        outcome(&mut state, now);
        let Decision::Blocked(Block { left: Some(left), .. }) = state.decide(now) else { break };
        waits.push(left.as_secs_f64());
        now += left;
    }
    waits
}

#[test]
fn the_backoff_of_an_outage_doubles_up_to_max_backoff() {
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
fn rejections_end_after_three_logins_and_failures_go_on_hourly() {
    assert_eq!(waits(9, |state, now| state.rejected("no".into(), None, now)), [60.0, 600.0]);
    let failed = waits(5, |state, now| state.failed("no".into(), now));
    assert_eq!(failed, [60.0, 600.0, 3600.0, 3600.0, 3600.0]);
}

#[test]
fn each_of_several_wrong_credentials_gets_three_logins() {
    let (mut state, mut logins) = (State::<u64>::default(), [0; 4]);
    for second in 0..20_000 {
        let index = second as usize % logins.len();
        state.logins.set_credentials(index as u16);
        let now = Duration::from_secs(second);
        if matches!(state.decide(now), Decision::MustRefresh { .. }) {
            logins[index] += 1;
            state.attempt(now, Requester::Call);
            state.rejected("no".into(), None, now);
        }
    }
    assert_eq!(logins, [3; 4]);
}

#[test]
fn a_clock_that_jumps_allows_no_more_logins() {
    let mut state = play(&[(90_000, Attempt), (90_000, Rejected)]);
    // The clock is set back by a day. The backoff starts again and the login still counts.
    let now = Duration::from_secs(3_600);
    assert!(state.correct_clock(now));
    assert_eq!(describe(state.decide(now)).1, "no, for 60 s");
    // The clock jumps between three days.
    let mut logins = 1;
    for turn in 0..1_000_u64 {
        let now = Duration::from_secs(3_600 + 86_400 * (turn % 3));
        state.correct_clock(now);
        if matches!(state.decide(now), Decision::MustRefresh { .. }) {
            state.attempt(now, Requester::Call);
            state.rejected("no".into(), None, now);
            logins += 1;
        }
    }
    assert_eq!(logins, 3);
    // The backoff of an outage ends when the clock is set back.
    let mut state = play(&[(90_000, Attempt), (90_000, Down)]);
    state.correct_clock(now);
    assert_eq!(describe(state.decide(now)).1, "yes");
}

/// Plays all sequences of eight steps. A rejected token is never used, credentials are never rejected a fourth
/// time, and a wait is never endless without three rejections.
#[test]
fn no_sequence_uses_a_rejected_token_or_logs_in_a_fourth_time() {
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
        assert!(!may_log_in || rejected < 3, "a fourth login");
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
                state.attempt(at, Requester::Call);
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
