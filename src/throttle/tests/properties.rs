//! What must hold whatever happens.

use proptest::prelude::*;

use super::*;

/// One step of a story: wait, then guess; the guess is wrong, or right and credited at once or later.
#[derive(Clone, Copy, Debug)]
struct Step {
    wait: i64,
    right: bool,
    late: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![
        6 => Just(0i64),
        4 => 0i64..2_000,
        3 => 0i64..20 * 60_000,
        2 => 0i64..2 * 3_600_000,
        1 => 0i64..30 * 3_600_000,
    ];
    let step = (wait, prop::bool::weighted(0.1), any::<bool>());
    prop::collection::vec(step.prop_map(|(wait, right, late)| Step { wait, right, late }), 1..400)
}

/// Weeks, with bursts of guesses and an owner who signs in often.
fn long_steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![
        12 => Just(0i64),
        4 => 0i64..20 * 60_000,
        3 => 0i64..4 * 3_600_000,
        1 => 0i64..24 * 3_600_000,
    ];
    let step = (wait, prop::bool::weighted(0.2));
    prop::collection::vec(step.prop_map(|(wait, right)| Step { wait, right, late: false }), 1..1200)
}

/// Bursts, for a limit that takes many guesses to reach: up to 40 at once, then up to 70 minutes.
fn bursts() -> impl Strategy<Value = Vec<Step>> {
    let burst = (0i64..70 * 60_000, prop::collection::vec((prop::bool::weighted(0.3), any::<bool>()), 1..40));
    prop::collection::vec(burst, 1..12).prop_map(|bursts| {
        let steps = bursts.into_iter().flat_map(|(wait, guesses)| {
            let waits = std::iter::once(wait).chain(std::iter::repeat(0));
            guesses.into_iter().zip(waits).map(|((right, late), wait)| Step { wait, right, late })
        });
        steps.collect()
    })
}

/// The most of `moments` (sorted) that lie in any window of `span`, its end excluded.
fn most_within(moments: &[i64], span: Duration) -> usize {
    let span = i64::try_from(span.as_millis()).unwrap();
    (0..moments.len())
        .map(|first| moments[first..].iter().take_while(|moment| **moment < moments[first] + span).count())
        .max()
        .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wrong_guesses_never_exceed_the_limit_of_an_address(story in bursts()) {
        let mut now = Wall(0);
        let mut counter = None;
        let mut wrong = Vec::new();
        let mut owed: Vec<Wall> = Vec::new();
        for step in story {
            now = Wall(now.0 + step.wait);
            // A right guess is credited at once, or some steps later within the hour, in which any hash
            // has long been computed; what is never credited counts as wrong.
            wrong.extend(owed.extract_if(.., |taken| taken.until(now) >= HOUR).map(|taken| taken.0));
            if step.late && !owed.is_empty() {
                owed.remove(0);
                counter = counter.map(|counter: Counter| counter.credit(Scope::Address, now));
            }
            if let Ok(taken) = Counter::take(counter, Scope::Address, now) {
                counter = Some(taken);
                match (step.right, step.late) {
                    (true, true) => owed.push(now),
                    (true, false) => counter = Some(taken.credit(Scope::Address, now)),
                    (false, _) => wrong.push(now.0),
                }
            }
        }
        wrong.sort_unstable();
        let most = most_within(&wrong, HOUR);
        prop_assert!(most <= 50, "{most} wrong guesses within an hour");
    }

    #[test]
    fn guesses_never_exceed_the_limits_of_an_account_or_a_device(story in steps()) {
        for (scope, limits) in [
            (Scope::Account, [(15 * MINUTE, 5), (HOUR, 10), (DAY, 15)].as_slice()),
            (Scope::Device, [(DAY, 5)].as_slice()),
        ] {
            let (mut now, mut counter, mut run) = (Wall(0), None, Vec::new());
            for step in &story {
                now = Wall(now.0 + step.wait);
                if let Ok(taken) = Counter::take(counter, scope, now) {
                    run.push(now.0);
                    counter = Some(taken);
                    if step.right {
                        // Whoever knows the password gains nothing from guessing; a new run begins.
                        counter = Some(taken.credit(scope, now));
                        run.clear();
                    }
                }
                for (span, limit) in limits {
                    let most = most_within(&run, *span);
                    prop_assert!(most <= *limit, "{scope:?}: {most} guesses within {span:?}");
                }
            }
        }
    }

    #[test]
    fn guesses_at_codes_never_exceed_their_limits_whatever_the_owner_does(story in long_steps()) {
        let (mut now, mut counter) = (Wall(0), None);
        let (mut run, mut all) = (Vec::new(), Vec::new());
        for step in story {
            now = Wall(now.0 + step.wait);
            let Ok(taken) = Counter::take(counter, Scope::Code, now) else { continue };
            counter = Some(taken);
            if step.right {
                let credited = taken.credit(Scope::Code, now);
                counter = Some(credited);
                if credited.failures == 0 {
                    run.clear(); // all is forgotten
                }
            } else {
                run.push(now.0);
                all.push(now.0);
                let few = run.iter().filter(|failed| Wall(**failed).until(now) < 15 * MINUTE).count();
                prop_assert!(few <= 5, "{few} wrong codes within 15 minutes");
            }
        }
        let many = most_within(&all, 30 * DAY);
        prop_assert!(many <= 500, "{many} wrong codes within 30 days");
    }

    #[test]
    fn time_alone_unlocks(story in steps()) {
        for scope in SCOPES {
            let (mut now, mut counter) = (Wall(0), None);
            for step in &story {
                now = Wall(now.0 + step.wait);
                match Counter::take(counter, scope, now) {
                    Ok(taken) => counter = Some(taken),
                    Err(locked) => {
                        prop_assert!(locked.until > now, "{scope:?} refuses at {now:?} until {locked:?}");
                        prop_assert!(now.until(locked.until) <= DAY, "{scope:?} is locked for over a day");
                        let taken = Counter::take(counter, scope, locked.until);
                        prop_assert!(taken.is_ok(), "{scope:?} is still locked at {locked:?}: {taken:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_overflows(
        failures in any::<u32>(), earlier in any::<u32>(),
        first in any::<i64>(), last in any::<i64>(), until in any::<i64>(), now in any::<i64>(),
    ) {
        for scope in SCOPES {
            let counter = Counter {
                failures, earlier, first_at: Wall(first), last_at: Wall(last), locked_until: Wall(until),
            };
            if let Ok(taken) = Counter::take(Some(counter), scope, Wall(now)) {
                let _ = taken.credit(scope, Wall(now));
            }
            let _ = counter.credit(scope, Wall(now));
        }
    }
}
