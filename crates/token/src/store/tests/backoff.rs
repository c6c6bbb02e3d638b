//! After a login that failed: when the next one may be made, and what callers get until then.

use super::*;

/// Calls a new instance, or `shared` if there is no file, every second.
fn call_for(machine: &Machine, shared: &Store<Machine>, seconds: u64) {
    for second in 0..seconds {
        let fresh = machine.instance();
        let store = if machine.file.is_some() { &fresh } else { shared };
        store.get().done().unwrap_err();
        store.refresh(Some(second)).done().unwrap_err();
        machine.pass(1);
    }
}

#[test]
fn at_most_three_logins_are_made_with_wrong_credentials() {
    for machine in [Machine::new(), Machine::with_file()] {
        machine.fails_with(Some(rejected()));
        let shared = machine.instance();
        call_for(&machine, &shared, 59);
        assert_eq!(machine.logins(), 1);
        call_for(&machine, &shared, 20_000);
        assert_eq!(machine.logins(), 3);
    }
}

#[test]
fn a_rejection_names_the_reason_the_backoff_and_the_remedy() {
    let machine = Machine::with_file();
    machine.fails_with(Some(rejected()));
    for (expected, pass) in [
        ("wrong; it is not tried again for 60 s", 60),
        ("wrong; it is not tried again for 10 min", 600),
        ("wrong; nothing more is tried with these credentials", 1),
        ("wrong; nothing more is tried with these credentials", 1),
    ] {
        let Err(TokenError::Rejected(why)) = machine.get() else { panic!() };
        assert!(why.starts_with(expected) && why.contains("corrected settings"), "{why}");
        machine.pass(pass);
    }
}

#[test]
fn a_corrected_password_is_tried_at_once() {
    let wrong = Machine { password: "wrong", ..Machine::with_file() };
    wrong.fails_with(Some(LoginError::Rejected { why: "wrong".to_owned(), tries_left: Some(2) }));
    assert_rejected(wrong.get());
    let right = Machine { password: "right", ..wrong.clone() };
    right.fails_with(None);
    let token = right.get().unwrap();
    assert_eq!(right.logins(), 2);
    wrong.fails_with(Some(rejected()));
    assert_rejected(wrong.refresh(Some(token.generation)));
    assert_eq!(wrong.logins(), 2);
}

#[test]
fn a_person_may_log_in_once_more_but_not_in_a_loop() {
    for machine in [Machine::new(), Machine::with_file()] {
        machine.fails_with(Some(LoginError::Rejected {
            why: "wrong".to_owned(),
            tries_left: Some(1),
        }));
        let store = machine.instance();
        for _ in 0..20 {
            assert_rejected(store.get().done());
            assert_rejected(store.refresh(None).done());
        }
        assert_eq!(machine.logins(), 2);
        machine.fails_with(None);
        machine.pass(60);
        assert_rejected(store.get().done());
        store.refresh(None).done().unwrap();
        assert_eq!(machine.logins(), 3);
    }
}

#[test]
fn an_outage_of_ten_seconds_causes_at_most_five_logins() {
    for machine in [Machine::new(), Machine::with_file()] {
        machine.fails_with(Some(unavailable()));
        let shared = machine.instance();
        for _ in 0..1_000 {
            for person in [false, true] {
                let fresh = machine.instance();
                let store = if machine.file.is_some() { &fresh } else { &shared };
                assert_unavailable(if person {
                    store.refresh(None).done()
                } else {
                    store.get().done()
                });
            }
            machine.pass_millis(10);
        }
        assert!((4..=5).contains(&machine.logins()), "{}", machine.logins());
        machine.fails_with(None);
        let back_at = machine.now();
        let fresh = machine.instance();
        let store = if machine.file.is_some() { &fresh } else { &shared };
        while store.get().done().is_err() {
            machine.pass_millis(10);
        }
        assert!(machine.now() - back_at < Duration::from_secs(8));
        // The outage is over, so the next one starts with the first backoff.
        machine.fails_with(Some(unavailable()));
        machine.pass(HOUR);
        store.get().done().unwrap_err();
        machine.pass(1);
        let logins = machine.logins();
        store.get().done().unwrap_err();
        assert_eq!(machine.logins(), logins + 1, "the backoff did not start again");
    }
}

#[test]
fn after_a_long_outage_the_next_login_is_within_max_backoff() {
    let machine = Machine::with_file();
    machine.fails_with(Some(unavailable()));
    for _ in 0..10_000 {
        machine.get().unwrap_err();
        machine.pass(1);
    }
    machine.fails_with(None);
    let back_at = machine.now();
    while machine.get().is_err() {
        machine.pass(1);
    }
    assert!(machine.now() - back_at <= MAX_BACKOFF);
}

#[test]
fn a_token_stays_rejected_after_a_failed_refresh() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    machine.fails_with(Some(unavailable()));
    assert_unavailable(machine.refresh(Some(stale)));
    assert_unavailable(machine.get());
    machine.pass(1);
    assert_unavailable(machine.get());
    assert_eq!(machine.logins(), 3);
}

#[test]
fn a_failed_early_refresh_returns_the_old_token() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 200);
    machine.fails_with(Some(unavailable()));
    assert_eq!(machine.get(), Ok(old.clone()));
    assert_eq!(machine.shared.limits.borrow().last(), Some(&Duration::from_secs(3)));
    assert_eq!(machine.get(), Ok(old.clone()), "held off for 30 s, in every instance");
    assert_eq!(machine.logins(), 2);
    machine.pass(30);
    machine.fails_with(None);
    assert_ne!(machine.get(), Ok(old));
}

#[test]
fn a_rejected_token_is_not_returned_even_if_no_login_is_allowed() {
    let machine = Machine::with_file();
    let token = machine.get().unwrap();
    machine.fails_with(Some(rejected()));
    machine.refresh(None).unwrap_err();
    machine.refresh(Some(token.generation)).unwrap_err();
    machine.get().unwrap_err();
    assert_eq!(machine.logins(), 2);
}

#[test]
fn failed_early_refreshes_of_all_instances_are_30_s_apart() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 290);
    for _ in 0..240 {
        machine.fails_with(Some(unavailable()));
        for _ in 0..5 {
            assert_eq!(machine.get().unwrap(), old);
        }
        machine.pass(1);
    }
    assert_eq!(machine.logins(), 1 + 240 / 30);
}

#[test]
fn an_interrupted_login_is_repeated_once_and_then_backed_off() {
    let machine = Machine::with_file();
    let begin_and_die = |machine: &Machine| {
        let store = machine.instance();
        let file = machine.file.clone().unwrap();
        let Locking::Held(lock) = file.lock(machine.now()) else { panic!() };
        store.load_newer();
        if let RequestState::LoginNeeded(_) =
            store.request_state(TokenWanted::Good, Requester::Call, true)
        {
            store.known.with(|known| known.record.state.attempt(machine.now(), Requester::Call));
            assert!(store.save(Some(&lock)));
            return true;
        }
        false
    };
    assert!(begin_and_die(&machine) && begin_and_die(&machine));
    assert!(!begin_and_die(&machine), "a third login was made at once");
    let Err(TokenError::Unavailable(why)) = machine.get() else { panic!() };
    assert!(why.contains("stopped before the answer came"), "{why}");
    machine.pass(60);
    machine.get().unwrap();
    assert_eq!(machine.logins(), 1);
}
