//! One login for all instances that share a file, and the settings' own token.

use super::*;

#[test]
fn without_a_file_an_instance_logs_in_once() {
    let machine = Machine::new();
    let store = machine.instance();
    let first = store.get().done().unwrap();
    assert_eq!(store.get().done().unwrap(), first);
    assert_eq!(machine.logins(), 1);
    machine.get().unwrap();
    assert_eq!(machine.logins(), 2, "without a file instances share nothing");
}

#[test]
fn with_a_file_all_instances_share_one_login() {
    let machine = Machine::with_file();
    let first = machine.get().unwrap();
    for _ in 0..50 {
        assert_eq!(machine.get().unwrap(), first);
    }
    assert_eq!(machine.logins(), 1);
    assert_eq!(machine.disk().names(), [FILE], "a lock or a temporary file was left");
}

#[test]
fn accounts_in_one_directory_share_no_token_rejection_or_lock() {
    let (alice, bob) = (Machine::with_file(), "bob");
    let bob = alice.of(bob);
    let hers = alice.get().unwrap();
    let his = bob.get().unwrap();
    assert_ne!(hers, his);
    for _ in 0..10 {
        assert_eq!((alice.get().unwrap(), bob.get().unwrap()), (hers.clone(), his.clone()));
    }
    assert_eq!(alice.logins(), 2);
    alice.fails_with(Some(rejected()));
    assert_rejected(alice.refresh(Some(hers.generation)));
    alice.fails_with(None);
    alice.lock();
    bob.refresh(Some(his.generation)).unwrap();
    assert_eq!((alice.logins(), alice.shared.millis.get()), (4, 0), "bob waited for alice");
}

#[test]
fn a_record_of_another_account_is_ignored() {
    let machine = Machine::with_file();
    machine.of("you").get().unwrap();
    machine.disk().rename("token-you", FILE).unwrap();
    machine.get().unwrap();
    assert_eq!(machine.logins(), 2);
    assert!(machine.warnings()[0].contains("another account"), "{:?}", machine.warnings());
}

#[test]
fn instances_with_the_same_stale_token_share_one_login() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    let renewed = machine.refresh(Some(stale)).unwrap();
    for _ in 0..50 {
        assert_eq!(machine.refresh(Some(stale)).unwrap(), renewed);
    }
    assert_eq!(machine.logins(), 2);
    assert_ne!(renewed.generation, stale);
}

#[test]
fn refresh_without_stale_logs_in_even_with_a_good_token() {
    for machine in [Machine::new(), Machine::with_file()] {
        let store = machine.instance();
        let held = store.refresh(None).done().unwrap();
        assert_ne!(store.refresh(None).done().unwrap(), held);
        assert_eq!(machine.logins(), 2);
    }
}

#[test]
fn a_given_token_is_not_used_again_after_its_rejection() {
    for machine in [Machine::new(), Machine::with_file()] {
        let store = machine.given("Bearer given");
        let given = store.get().done().unwrap();
        assert_eq!((given.authorization.expose(), machine.logins()), ("Bearer given", 0));
        let token = store.refresh(Some(given.generation)).done().unwrap();
        assert_eq!((store.get().done().unwrap(), machine.logins()), (token.clone(), 1));
        if machine.file.is_some() {
            assert_eq!(used(&machine.given("Bearer given")), token.authorization.expose());
        }
    }
}

#[test]
fn a_new_given_token_replaces_the_files_until_it_is_refreshed() {
    let machine = Machine::with_file();
    assert_eq!(used(&machine.instance()), "Bearer token-1");
    assert_eq!(used(&machine.given("Bearer a")), "Bearer a");
    assert_eq!(used(&machine.given("Bearer b")), "Bearer b");
    assert_eq!(used(&machine.given("Bearer a")), "Bearer a");
    let b = machine.given("Bearer b").get().done().unwrap();
    let renewed = machine.given("Bearer b").refresh(Some(b.generation)).done().unwrap();
    assert_eq!((renewed.authorization.expose(), machine.logins()), ("Bearer token-2", 2));
    assert_eq!(used(&machine.given("Bearer b")), "Bearer token-2");
    assert_eq!(used(&machine.given("Bearer c")), "Bearer c");
}

#[test]
fn two_expired_given_tokens_do_not_cause_a_login_for_each_call() {
    let machine = Machine::with_file();
    let call = |given| {
        let store = machine.given(given);
        let token = store.get().done().unwrap();
        if token.authorization.expose().starts_with("Bearer token-") {
            return;
        }
        store.refresh(Some(token.generation)).done().unwrap();
    };
    for _ in 0..20 {
        call("Bearer a");
        call("Bearer b");
    }
    assert!(machine.logins() <= 2, "{}", machine.logins());
}

#[test]
fn peek_does_not_log_in() {
    let machine = Machine::with_file();
    assert_eq!(machine.instance().peek(), None);
    let kept = machine.get().unwrap();
    assert_eq!(machine.instance().peek(), Some(kept));
    assert_eq!(machine.logins(), 1);
}

#[test]
fn contention_is_logged_once_and_keeps_logins_apart() {
    let machine = Machine::with_file();
    let mut stale = machine.get().unwrap().generation;
    for _ in 0..3 {
        stale = machine.refresh(Some(stale)).unwrap().generation;
    }
    assert!(machine.shared.millis.get() >= 5000, "the interval was not kept");
    assert_eq!(machine.warnings(), [CONTENTION_WARNING]);
}

#[test]
fn contention_is_logged_by_one_instance_and_known_to_all() {
    let machine = Machine::with_file();
    let first = machine.get().unwrap().generation;
    let second = machine.refresh(Some(first)).unwrap().generation;
    // While one instance waits for the interval, others report the same rejection and find the lock held.
    let other = machine.clone();
    let others = move || {
        let sent = other.instance();
        assert!(
            matches!(sent.try_get(), TokenRequest::LoginNeeded(_)),
            "a rejected token was returned"
        );
        for _ in 0..10 {
            assert!(matches!(
                other.instance().try_refresh(Some(second)),
                TokenRequest::LoginNeeded(_)
            ));
        }
    };
    machine.shared.meanwhile.replace(Some(Box::new(others)));
    machine.refresh(Some(second)).unwrap();
    assert_eq!(machine.logins(), 3);
    assert_eq!(machine.warnings(), [CONTENTION_WARNING]);
}
