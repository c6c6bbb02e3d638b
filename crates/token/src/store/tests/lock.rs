//! The lock of the file: waiting for its holder, and taking it over.

use super::*;

/// Makes another process hold the lock. While the machine waits for it, that process does `work`.
fn while_locked(machine: &Machine, work: impl FnOnce(&Machine) + 'static) {
    machine.lock();
    let holder = machine.clone();
    machine.shared.meanwhile.replace(Some(Box::new(move || {
        holder.disk().remove(LOCK).unwrap();
        work(&holder);
        holder.lock();
    })));
}

#[test]
fn a_waiter_for_the_lock_gets_its_holders_token() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    while_locked(&machine, move |holder| {
        holder.refresh(Some(stale)).unwrap();
    });
    machine.refresh(Some(stale)).unwrap();
    assert_eq!(machine.logins(), 2, "one for the first token, one by the holder");
    let infos = machine.shared.infos.borrow();
    assert_eq!(infos.len(), 1);
    assert!(infos[0].contains(LOCK), "{infos:?}");
}

#[test]
fn a_waiter_for_the_lock_gets_its_holders_error() {
    for (error, check) in
        [(unavailable(), assert_unavailable as fn(_)), (rejected(), assert_rejected)]
    {
        for person in [false, true] {
            let machine = Machine::with_file();
            machine.fails_with(Some(error.clone()));
            while_locked(&machine, |holder| {
                holder.pass_millis(1);
                holder.get().unwrap_err();
            });
            check(if person { machine.refresh(None) } else { machine.get() });
            assert_eq!(machine.logins(), 1);
        }
    }
}

#[test]
fn a_stale_lock_is_taken_over_after_eight_seconds() {
    let machine = Machine::with_file();
    machine.lock();
    machine.get().unwrap();
    let waited = Duration::from_millis(machine.shared.millis.get());
    assert!(waited >= LOCK_STALE && waited < LOCK_STALE + Duration::from_secs(1), "{waited:?}");
    assert_eq!(machine.disk().names(), [FILE]);
}

#[test]
fn a_wait_for_a_lock_that_stays_held_ends_with_an_error() {
    let machine = Machine::with_file();
    machine.lock();
    fn beats(machine: Machine, beat: u64) {
        machine.disk().put(LOCK, format!("another process {beat}"));
        let again = machine.clone();
        machine.shared.meanwhile.replace(Some(Box::new(move || beats(again, beat + 1))));
    }
    beats(machine.clone(), 2);
    let Err(TokenError::Unavailable(why)) = machine.get() else { panic!("the lock was ignored") };
    assert!(why.contains("OGE_TOKEN_FILE") && why.contains(LOCK), "{why}");
    assert_eq!(machine.logins(), 0);
    machine.shared.meanwhile.take();
}

#[test]
fn the_last_of_two_processes_that_take_over_a_lock_holds_it() {
    let machine = Machine::with_file();
    machine.lock();
    let file = machine.file.clone().unwrap();
    let one = file.take_over(b"another process 1", machine.now()).unwrap();
    // The second process read the lock before the first one wrote it.
    machine.lock();
    machine.pass_millis(1);
    let other = file.take_over(b"another process 1", machine.now()).unwrap();
    assert_eq!((one.is_held_now(), other.is_held_now()), (false, true));
    drop(one);
    assert_eq!(machine.disk().names(), [LOCK], "the first process removed the second one's lock");
    drop(other);
    assert_eq!(machine.disk().names(), [""; 0]);
}

#[test]
fn a_suspended_holder_does_not_touch_a_newer_lock_or_record() {
    let machine = Machine::with_file();
    let stale = machine.get().unwrap().generation;
    let other = machine.clone();
    machine.shared.during.replace(Some(Box::new(move || {
        // The process is suspended. Another one takes over its lock and logs in. A third one locks.
        other.pass(1);
        other.refresh(Some(stale)).unwrap();
        other.lock();
        other.pass(20);
    })));
    let late = machine.refresh(Some(stale)).unwrap();
    assert_eq!(machine.logins(), 3);
    assert_eq!(
        late.authorization.expose(),
        "Bearer token-3",
        "the token of the other, which is newer"
    );
    assert_eq!(machine.disk().names(), [FILE, LOCK]);
    assert_eq!(machine.get().unwrap(), late);
}

#[test]
fn the_old_token_is_returned_while_another_process_refreshes_it() {
    let machine = Machine::with_file();
    let old = machine.get().unwrap();
    machine.pass(HOUR - 200);
    machine.lock();
    assert_eq!(machine.get(), Ok(old));
    assert_eq!((machine.logins(), machine.shared.millis.get()), (1, 1000 * (HOUR - 200)));
}
