//! A clock that is set.

use super::*;

#[test]
fn a_clock_set_back_allows_no_login_and_blocks_none_for_long() {
    let machine = Machine::with_file();
    machine.pass(24 * HOUR);
    machine.fails_with(Some(rejected()));
    machine.get().unwrap_err();
    machine.set_clock(0);
    for _ in 0..60 {
        assert_rejected(machine.get());
        assert_eq!(machine.logins(), 1);
        machine.pass(1);
    }
    machine.fails_with(None);
    machine.get().unwrap();

    let machine = Machine::with_file();
    machine.pass(24 * HOUR);
    machine.fails_with(Some(unavailable()));
    machine.get().unwrap_err();
    machine.set_clock(0);
    machine.fails_with(None);
    let token = machine.get().unwrap();
    for _ in 0..20 {
        assert_eq!(machine.get().unwrap(), token);
    }
    assert_eq!(machine.logins(), 2);
}

#[test]
fn a_clock_that_jumps_repeatedly_causes_no_extra_logins() {
    let hours = |turn: u64| (100 + 5 * (turn % 2)) * HOUR;
    let machine = Machine::with_file();
    for turn in 0..50 {
        machine.set_clock(hours(turn));
        machine.get().unwrap();
    }
    assert_eq!(machine.logins(), 2, "one for each of the two times");
    let machine = Machine::with_file();
    machine.fails_with(Some(rejected()));
    for turn in 0..50 {
        machine.set_clock(hours(turn));
        for _ in 0..20 {
            machine.get().unwrap_err();
        }
    }
    assert_eq!(machine.logins(), 3);
}
