//! The rules by example.

mod properties;

use super::*;

const SCOPES: [Scope; 4] = [Scope::Account, Scope::Device, Scope::Address, Scope::Code];

/// Takes `count` guesses at `now`, each of which must be let through.
fn fail(mut counter: Option<Counter>, scope: Scope, count: u32, now: Wall) -> Option<Counter> {
    for number in 1..=count {
        let taken = Counter::take(counter, scope, now);
        counter = Some(taken.unwrap_or_else(|locked| {
            panic!("guess {number} of {count} at {now:?} was refused: {locked:?} after {counter:?}")
        }));
    }
    counter
}

fn refused_until(counter: Option<Counter>, scope: Scope, now: Wall) -> Wall {
    match Counter::take(counter, scope, now) {
        Err(locked) => locked.until,
        Ok(taken) => panic!("a guess at {now:?} was let through: {counter:?} became {taken:?}"),
    }
}

#[test]
fn an_account_is_locked_longer_each_time() {
    let start = Wall::from_seconds(1_795_252_374);
    let counter = fail(None, Scope::Account, 5, start);
    let first = refused_until(counter, Scope::Account, start);
    assert_eq!(start.until(first), 15 * MINUTE, "after 5 failures");

    let counter = fail(counter, Scope::Account, 5, first);
    let second = refused_until(counter, Scope::Account, first);
    assert_eq!(first.until(second), HOUR, "after 10 failures");

    let mut counter = fail(counter, Scope::Account, 5, second);
    let mut now = second;
    for failures in 15..20 {
        let until = refused_until(counter, Scope::Account, now);
        assert_eq!(now.until(until), DAY, "after {failures} failures");
        now = until;
        counter = fail(counter, Scope::Account, 1, now);
    }
}

#[test]
fn an_account_is_forgiven_after_a_quiet_day_and_not_before() {
    let start = Wall::from_seconds(1_795_252_374);
    let counter = fail(None, Scope::Account, 5, start);
    let quiet = start.plus(15 * MINUTE + DAY);
    let before = fail(counter, Scope::Account, 1, Wall(quiet.0 - 1)).unwrap();
    assert_eq!(before.failures, 6, "a millisecond short of a quiet day");
    let after = fail(counter, Scope::Account, 1, quiet).unwrap();
    assert_eq!(after.failures, 1, "after a quiet day from the end of the lock");
}

#[test]
fn a_device_has_five_failures_a_day() {
    let start = Wall::from_seconds(1_795_252_374);
    let counter = fail(None, Scope::Device, 5, start);
    let until = refused_until(counter, Scope::Device, start);
    assert_eq!(start.until(until), DAY);
    fail(counter, Scope::Device, 5, until);
}

#[test]
fn an_address_has_fifty_failures_an_hour() {
    let start = Wall::from_seconds(1_795_252_374);
    let counter = fail(None, Scope::Address, 50, start);
    let until = refused_until(counter, Scope::Address, start);
    assert_eq!(start.until(until), HOUR);
    fail(counter, Scope::Address, 50, until);
}

#[test]
fn an_address_cannot_double_its_limit_across_the_edge_of_a_window() {
    let start = Wall::from_seconds(1_795_252_374);
    let late = start.plus(59 * MINUTE);
    let counter = fail(fail(None, Scope::Address, 1, start), Scope::Address, 48, late);
    let counter = fail(counter, Scope::Address, 1, start.plus(HOUR));
    let until = refused_until(counter, Scope::Address, start.plus(HOUR));
    assert!(until >= late.plus(HOUR), "48 failures are a minute old, and the lock ends at {until:?}");
}

#[test]
fn codes_are_locked_twice_as_long_each_time_and_at_most_a_day() {
    let mut now = Wall::from_seconds(1_795_252_374);
    let mut counter = None;
    for minutes in [15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440] {
        counter = fail(counter, Scope::Code, 5, now);
        let until = refused_until(counter, Scope::Code, now);
        assert_eq!(now.until(until), minutes * MINUTE, "after {:?}", counter.map(|counter| counter.failures));
        now = until;
    }
    // Two quiet days after the end of the lock.
    let before = fail(counter, Scope::Code, 1, Wall(now.plus(2 * DAY).0 - 1)).unwrap();
    assert_eq!(before.failures, 51, "a millisecond short of two quiet days");
    let after = fail(counter, Scope::Code, 1, now.plus(2 * DAY)).unwrap();
    assert_eq!(after.failures, 1, "after two quiet days");
}

#[test]
fn a_success_takes_back_one_failure_at_codes_and_forgets_them_after_three_days() {
    let start = Wall::from_seconds(1_795_252_374);
    let right = |counter: Option<Counter>, now| {
        fail(counter, Scope::Code, 1, now).map(|counter| counter.credit(Scope::Code, now))
    };
    let mut counter = fail(None, Scope::Code, 4, start);
    for hour in 1..72 {
        counter = right(counter, start.plus(hour * HOUR));
        assert_eq!(counter.unwrap().failures, 4, "after a success {hour} hours later");
    }
    let late = start.plus(71 * HOUR);
    refused_until(fail(counter, Scope::Code, 1, late), Scope::Code, late);
    let end = start.plus(72 * HOUR);
    fail(right(counter, end), Scope::Code, 5, end);
    // What is only right costs nothing, however often.
    let mut counter = None;
    for _ in 0..100 {
        counter = right(counter, start);
    }
    fail(counter, Scope::Code, 5, start);
}

#[test]
fn a_right_code_ends_the_lock_that_it_began_itself_and_no_other() {
    let now = Wall::from_seconds(1_795_252_374);
    let counter = fail(None, Scope::Code, 5, now).unwrap().credit(Scope::Code, now);
    refused_until(fail(Some(counter), Scope::Code, 1, now), Scope::Code, now);
    // The fifth failure locked, and a sixth guess was under way already.
    let sixth = Counter { failures: 6, ..fail(None, Scope::Code, 5, now).unwrap() };
    refused_until(Some(sixth.credit(Scope::Code, now)), Scope::Code, now);
}

#[test]
fn a_month_of_guessing_at_codes_finds_one_with_less_than_one_in_a_thousand() {
    let start = Wall::from_seconds(1_795_252_374);
    let end = start.plus(31 * DAY);
    let mut most = 0;
    // Somebody who guesses whenever it is allowed, stops short of one more lock after so many, and waits until
    // all is forgotten: by the owner's next success, at the very moment that helps most, or by quiet alone.
    for locks in 0..12 {
        for owner_signs_in in [true, false] {
            let (mut now, mut counter, mut wrong) = (start, None::<Counter>, 0);
            while now < end {
                let failures = counter.map_or(0, |counter| counter.failures);
                if failures < locks * 5 + 4 {
                    match Counter::take(counter, Scope::Code, now) {
                        Ok(taken) => (counter, wrong) = (Some(taken), wrong + 1),
                        Err(locked) => now = locked.until,
                    }
                } else if let Some(stored) = counter {
                    if owner_signs_in {
                        now = now.max(stored.first_at.plus(CODE_MEMORY));
                        counter = Counter::take(counter, Scope::Code, now)
                            .ok()
                            .map(|taken| taken.credit(Scope::Code, now));
                    } else {
                        now = stored.last_at.max(stored.locked_until).plus(2 * DAY);
                        counter = None;
                    }
                }
            }
            most = most.max(wrong);
        }
    }
    assert!((400..500).contains(&most), "{most} guesses in 31 days, each right with 2 in 1,000,000");
}

#[test]
fn a_success_forgives_the_account_and_takes_back_one_from_the_address() {
    let now = Wall::from_seconds(1_795_252_374);
    for scope in [Scope::Account, Scope::Device] {
        let credited = fail(None, scope, 5, now).unwrap().credit(scope, now);
        assert_eq!(credited.failures, 0, "{scope:?} after a success");
        fail(Some(credited), scope, 5, now);
    }
    let credited = fail(None, Scope::Address, 50, now).unwrap().credit(Scope::Address, now);
    let counter = fail(Some(credited), Scope::Address, 1, now);
    refused_until(counter, Scope::Address, now);
}

#[test]
fn a_success_of_the_window_before_makes_no_room_in_the_next() {
    let start = Wall::from_seconds(1_795_252_374);
    let guess = |counter, now| Counter::take(counter, Scope::Address, now).ok();
    // Three right guesses are under way when the window ends; they are credited in the next.
    let mut counter = fail(None, Scope::Address, 1, start);
    counter = fail(counter, Scope::Address, 3, start.plus(59 * MINUTE));
    counter = fail(counter, Scope::Address, 1, start.plus(HOUR));
    let soon = start.plus(HOUR + MINUTE / 2);
    counter = fail(counter, Scope::Address, 3, soon);
    for _ in 0..3 {
        counter = counter.map(|counter| counter.credit(Scope::Address, soon));
    }
    let mut wrong = 3;
    for now in [start.plus(119 * MINUTE), start.plus(2 * HOUR)] {
        while let Some(taken) = guess(counter, now) {
            counter = Some(taken);
            wrong += 1;
        }
    }
    assert!(wrong <= 50, "{wrong} wrong guesses within an hour");
}

#[test]
fn a_clock_that_was_ahead_and_is_set_back_locks_nobody_for_long() {
    let now = Wall::from_seconds(1_795_252_374);
    let ahead = now.plus(3650 * DAY);
    for (scope, limit) in [(Scope::Account, 15), (Scope::Device, 5), (Scope::Address, 50), (Scope::Code, 5)] {
        let mut counter = None;
        for _ in 0..limit {
            let then = counter.map_or(ahead, |counter: Counter| counter.locked_until.max(ahead));
            counter = fail(counter, scope, 1, then);
        }
        refused_until(counter, scope, counter.unwrap().last_at);
        let taken = Counter::take(counter, scope, now).unwrap_or_else(|locked| {
            panic!("{scope:?}: locked for years by a clock that was wrong: {locked:?}, {counter:?}")
        });
        assert!(now.until(taken.locked_until) <= DAY, "{scope:?}: the next lock: {taken:?}");
        // What was counted goes on as ever.
        let mut counter = Some(taken);
        while let Ok(taken) = Counter::take(counter, scope, now) {
            assert!(taken.failures <= 50, "{scope:?}: guesses without end: {taken:?}");
            counter = Some(taken);
        }
        let until = refused_until(counter, scope, now);
        assert!(now.until(until) <= DAY, "{scope:?}: locked until {until:?}, {counter:?}");
        assert!(Counter::take(counter, scope, until).is_ok(), "{scope:?}: time unlocks {counter:?}");
    }
}

#[test]
fn a_clock_that_steps_back_a_little_unlocks_nothing() {
    let now = Wall::from_seconds(1_795_252_374);
    for (scope, limit) in [(Scope::Account, 5), (Scope::Device, 5), (Scope::Address, 50), (Scope::Code, 5)] {
        let counter = fail(None, scope, limit, now);
        for step in [Duration::from_millis(1), MINUTE, HOUR, 12 * HOUR] {
            refused_until(counter, scope, now.minus(step));
        }
    }
}

#[test]
fn two_hundred_guesses_at_once_never_exceed_the_limit() {
    use std::sync::atomic::{AtomicU32, Ordering};

    let now = Wall::from_seconds(1_795_252_374);
    for (scope, limit) in [(Scope::Account, 5), (Scope::Device, 5), (Scope::Address, 50), (Scope::Code, 5)] {
        let stored = parking_lot::Mutex::new(None::<Counter>);
        let through = AtomicU32::new(0);
        std::thread::scope(|threads| {
            for _ in 0..200 {
                threads.spawn(|| {
                    loop {
                        let seen = *stored.lock();
                        let Ok(taken) = Counter::take(seen, scope, now) else { return };
                        let mut slot = stored.lock();
                        if *slot == seen {
                            *slot = Some(taken);
                            through.fetch_add(1, Ordering::Relaxed);
                            return;
                        }
                    }
                });
            }
        });
        assert_eq!(through.load(Ordering::Relaxed), limit, "guesses let through for {scope:?}");
    }
}
