//! How often one person may try what could be a guess. In memory: a restart forgives, time does too.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Mono;

/// In which time tries are counted.
const WINDOW: Duration = Duration::from_hours(1);
/// Of how many people tries are remembered.
const PEOPLE: usize = 4096;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Try {
    /// A short code that links an account.
    Code,
    /// A button that was somebody else's, or none.
    Button,
}

impl Try {
    fn most(self) -> u32 {
        match self {
            Self::Code => 5,
            Self::Button => 20,
        }
    }
}

/// The tries of everybody within the last hour.
#[derive(Default)]
pub(super) struct Limits {
    tries: Mutex<HashMap<(i64, Try), (Mono, u32)>>,
}

impl Limits {
    /// Whether `person` may still try that. If so many people try that not all can be remembered, nobody
    /// who is not remembered may.
    pub(super) fn allows(&self, person: i64, what: Try, now: Mono) -> bool {
        let tries = self.tries.lock();
        match tries.get(&(person, what)) {
            Some((since, count)) => now.since(*since) >= WINDOW || *count < what.most(),
            None => tries.len() < PEOPLE || tries.values().any(|(since, _)| now.since(*since) >= WINDOW),
        }
    }

    /// Counts a try of `person`.
    pub(super) fn count(&self, person: i64, what: Try, now: Mono) {
        let mut tries = self.tries.lock();
        if tries.len() >= PEOPLE {
            tries.retain(|_, (since, _)| now.since(*since) < WINDOW);
        }
        if tries.len() >= PEOPLE && !tries.contains_key(&(person, what)) {
            return;
        }
        let (since, count) = tries.entry((person, what)).or_insert((now, 0));
        if now.since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_codes_an_hour_whoever_else_tries() {
        let limits = Limits::default();
        let at = |minute: u64| Mono(minute * 60_000_000_000);
        for minute in 0..5 {
            assert!(limits.allows(1, Try::Code, at(minute)), "try {minute}");
            limits.count(1, Try::Code, at(minute));
        }
        assert!(!limits.allows(1, Try::Code, at(5)));
        assert!(limits.allows(1, Try::Button, at(5)), "of another kind");
        assert!(limits.allows(2, Try::Code, at(5)), "somebody else");
        assert!(limits.allows(1, Try::Code, at(60)), "an hour later");
    }

    #[test]
    fn a_crowd_of_strangers_fills_a_bounded_place_for_an_hour() {
        let limits = Limits::default();
        for person in 0..10_000 {
            limits.count(person, Try::Code, Mono(0));
        }
        assert_eq!(limits.tries.lock().len(), PEOPLE);
        assert!(limits.allows(1, Try::Code, Mono(0)), "one of them, four tries left");
        assert!(!limits.allows(9_999, Try::Code, Mono(0)), "one too many to be remembered");
        let later = Mono(0).plus(WINDOW);
        assert!(limits.allows(9_999, Try::Code, later));
        limits.count(9_999, Try::Code, later);
        assert_eq!(limits.tries.lock().len(), 1);
    }
}
