//! A disk that is full, and files with bad content.

use super::*;

#[test]
fn with_a_full_disk_tokens_and_rejections_are_kept_in_memory() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.disk().0.is_full.set(true);
    machine.pass(HOUR);
    let store = machine.instance();
    let token = store.get().done().unwrap();
    assert_ne!(token, old);
    for _ in 0..20 {
        assert_eq!(store.get().done().unwrap(), token);
    }
    assert_eq!(machine.logins(), 2);
    assert_eq!(machine.warnings().len(), 1, "{:?}", machine.warnings());
    machine.fails_with(Some(rejected()));
    store.refresh(Some(token.generation)).done().unwrap_err();
    for _ in 0..100 {
        assert_rejected(store.get().done());
    }
    assert_eq!(machine.logins(), 3);
}

#[test]
fn a_rejected_login_that_cannot_be_counted_is_not_repeated() {
    let machine = Machine::with_file();
    machine.fails_with(Some(rejected()));
    assert_rejected(machine.get());
    machine.disk().0.is_full.set(true);
    machine.pass(REJECTION_BACKOFF[1].as_secs());
    for _ in 0..20 {
        let Err(TokenError::Rejected(why)) = machine.get() else { panic!() };
        assert!(why.contains("cannot be written"), "{why}");
    }
    assert_eq!(machine.logins(), 1);
}

#[test]
fn running_out_of_open_files_leaves_no_lock_and_delays_no_call() {
    for left in 0..12 {
        let machine = Machine::with_file();
        machine.disk().0.files_left.set(Some(left));
        let store = machine.instance();
        store.get().done().unwrap();
        assert!(!machine.disk().names().contains(&LOCK.to_owned()), "after {left} files");
        machine.disk().0.files_left.set(None);
        machine.get().unwrap();
        assert!(machine.logins() <= 2);
        assert_eq!(machine.shared.millis.get(), 0, "after {left} files");
    }
}

#[test]
fn entries_that_are_no_regular_files_are_reported_at_once() {
    for (name, logins) in [(FILE, 2), (LOCK, 2), ("token-me.new", 2), ("token-me.stale", 1)] {
        let machine = Machine::with_file();
        machine.disk().0.others.borrow_mut().push(name.to_owned());
        machine.get().unwrap();
        machine.get().unwrap();
        assert_eq!((machine.logins(), machine.shared.millis.get()), (logins, 0), "{name}");
        assert_eq!(machine.warnings().is_empty(), logins == 1, "{name} {:?}", machine.warnings());
        assert!(!machine.disk().names().contains(&LOCK.to_owned()));
    }
}

#[test]
fn an_invalid_token_in_the_file_is_replaced_by_one_login() {
    let good = Machine::with_file();
    good.get().unwrap();
    let text = String::from_utf8(good.disk().0.files.borrow()[FILE].clone()).unwrap();
    let generation = good.instance().peek().unwrap().generation.to_string();
    for (from, to) in [
        ("Bearer token-1", "Bearer tok\\nen"),
        ("Bearer token-1", "Bearer tok\\u0000en"),
        ("Bearer token-1", ""),
        ("Bearer token-1", &*"x".repeat(70_000)),
        (&*generation, "18446744073709551615"),
        ("oge-token/2", "oge-token/3"),
        ("{", "["),
    ] {
        let machine = Machine::with_file();
        machine.disk().put(FILE, text.replacen(from, to, 1));
        for _ in 0..10 {
            assert_eq!(used(&machine.instance()), "Bearer token-1");
        }
        assert_eq!(machine.logins(), 1, "{to}");
        assert_eq!(machine.warnings().len(), 1, "{:?}", machine.warnings());
        assert!(machine.warnings()[0].starts_with("OGE_TOKEN_FILE "));
    }
}

#[test]
fn absurd_times_in_the_file_cause_no_panic_and_no_lasting_error() {
    let machine = Machine::with_file();
    machine.fails_with(Some(rejected()));
    machine.get().unwrap_err();
    machine.fails_with(Some(unavailable()));
    machine.pass(60);
    machine.get().unwrap_err();
    let now = machine.now().as_secs();
    let text = String::from_utf8(machine.disk().0.files.borrow()[FILE].clone()).unwrap();
    for absurd in [0, now + 1_000_000, u64::MAX] {
        machine.disk().put(FILE, text.replace("17000000", "x").replace("x60", &absurd.to_string()));
        let Ok(()) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = machine.get();
            let _ = machine.refresh(None);
        })) else {
            panic!("{absurd}");
        };
        machine.pass(REJECTION_BACKOFF[1].as_secs());
    }
    machine.fails_with(None);
    machine.pass(REJECTION_BACKOFF[1].as_secs());
    machine.get().unwrap();
}
