//! Guessing: when a guess may be made, and what it costs. Owns the rules of counting and locking.
//!
//! Promises: pure, and never overflows. A guess is counted when it is taken, before anything is
//! computed, so a caller that stores each counter by compare-and-set lets through no more guesses than
//! the limit however many arrive at once. Time alone always unlocks.
//! Never: stores anything, or knows whom a counter is for.
//!
//! The rules, exactly:
//!
//! * **Account**: the 5th failure locks for 15 minutes, the 10th for an hour, the 15th and every one
//!   after it for a day. A day without a guess, counted from the end of the lock where there was one,
//!   forgets all failures. So does a success.
//! * **Device** (a browser that signed in before, counted instead of its account): the 5th failure
//!   locks for a day; the caller then falls back to the account's counter. A day without a guess
//!   forgets all failures. So does a success.
//! * **Address**: no hour, wherever it begins, holds more than 50 failures. A success takes back its
//!   own count, and no other.
//! * **Code** (of an authenticator app, and recovery codes, of one account): the 5th failure locks for
//!   15 minutes, the 10th for 30, and every 5th after it for twice as long as the one before, at most for
//!   a day. A success takes back its own count, and no other, unless the first failure is three days old:
//!   then it forgets all. So do two days without a guess, counted from the end of the lock.
//!
//! Why a success forgets codes so slowly: whoever guesses codes knows the password, and may wait for the
//! owner to sign in. If that made room for four more guesses each time, twenty sign-ins a day would make
//! room for 2,400 guesses a month. As it is, no 15 minutes hold more than 5 failures (unless a success
//! forgot some in between), and no 30 days more than 500, whatever the owner does. At any moment 2 of
//! 1,000,000 codes are right, so that a month of guessing succeeds with less than 0.1 %, a year with
//! about 1 %. A lock's beginning is recorded: a year of it is hundreds of entries.
//!
//! Guesses refused by a lock are not counted and do not lengthen it. A lock that ends more than two days from
//! now was begun by a clock that was ahead, and is none; the failures before it count on.

use std::time::Duration;

use crate::clock::Wall;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Guesses at one account, from browsers that never signed in to it.
    Account,
    /// Guesses at one account from one browser that has signed in to it before.
    Device,
    /// Guesses at whatever account from one address.
    Address,
    /// Guesses at the codes of one account, from wherever.
    Code,
}

/// The state of one counter, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Failures counted, guesses under way included. Of an address: in its present window.
    pub failures: u32,
    /// Of an address: the failures of the window before. Else 0.
    pub earlier: u32,
    /// When the first of `failures` was counted. Of an address: when its present window began.
    pub first_at: Wall,
    /// When the last was.
    pub last_at: Wall,
    /// Until when no guess is let through; in the past, or at 1970, where there is no lock.
    pub locked_until: Wall,
}

/// No guess is let through now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    /// When one will be again.
    pub until: Wall,
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Failures after which a device is counted no more.
const DEVICE_LIMIT: u32 = 5;
/// Failures from one address in any hour.
const ADDRESS_LIMIT: u32 = 50;
/// Failures at codes from one lock to the next.
const CODE_LIMIT: u32 = 5;
/// After so long a success forgets failures at codes.
const CODE_MEMORY: Duration = Duration::from_hours(3 * 24);

/// No moment of a counter lies so far ahead of a clock that is right: no lock is longer than a day.
const AHEAD: Duration = Duration::from_hours(2 * 24);

/// No lock.
const NEVER: Wall = Wall(0);

impl Counter {
    /// Takes one guess from what is `stored` (nothing, where nobody failed yet): the counter to store
    /// by compare-and-set before the guess is judged, or why there is none to take.
    pub fn take(stored: Option<Self>, scope: Scope, now: Wall) -> Result<Self, Locked> {
        let mut counter = match stored.map(|counter| counter.as_of(now)) {
            Some(counter) if now < counter.locked_until => {
                return Err(Locked { until: counter.locked_until });
            }
            Some(counter) if !counter.is_over(scope, now) => counter.rolled(scope, now),
            _ => Self::none(now),
        };
        counter.failures = counter.failures.saturating_add(1);
        counter.last_at = now;
        counter.locked_until = counter.lock(scope).unwrap_or(NEVER);
        Ok(counter)
    }

    /// Takes back what a guess cost that turned out right. `self` is what is stored now, which other
    /// guesses may have changed meanwhile.
    #[must_use]
    pub fn credit(mut self, scope: Scope, now: Wall) -> Self {
        match scope {
            Scope::Account | Scope::Device => Self::none(now),
            Scope::Code => {
                self.failures = self.failures.saturating_sub(1);
                if now >= self.first_at.plus(CODE_MEMORY) {
                    return Self::none(now);
                }
                if !self.failures.is_multiple_of(CODE_LIMIT) {
                    self.locked_until = NEVER;
                }
                self
            }
            Scope::Address => {
                // The earlier window first: the guess may have been taken in it, and where it was not,
                // the present window stays one too high, never one too low.
                if self.earlier > 0 {
                    self.earlier -= 1;
                } else {
                    self.failures = self.failures.saturating_sub(1);
                }
                if self.earlier.saturating_add(self.failures) < ADDRESS_LIMIT {
                    self.locked_until = NEVER;
                }
                self
            }
        }
    }

    /// Whether this counter means nothing any more: as good as none, and free to be deleted.
    pub fn is_over(&self, scope: Scope, now: Wall) -> bool {
        if self.failures == 0 && self.earlier == 0 {
            return true;
        }
        let quiet = match scope {
            Scope::Account => self.last_at.max(self.locked_until).plus(DAY),
            Scope::Code => self.last_at.max(self.locked_until).plus(2 * DAY),
            Scope::Device => self.last_at.plus(DAY),
            Scope::Address => self.last_at.plus(HOUR),
        };
        now >= quiet
    }

    /// Nothing counted.
    fn none(now: Wall) -> Self {
        Self { failures: 0, earlier: 0, first_at: now, last_at: now, locked_until: NEVER }
    }

    /// The same counter without what a clock wrote that was ahead, and has been set back since: such a lock
    /// would end when that clock is right again. What was counted stays.
    fn as_of(self, now: Wall) -> Self {
        let is_ahead = |moment: Wall| moment > now.plus(AHEAD);
        let or_now = |moment: Wall| if is_ahead(moment) { now } else { moment };
        Self {
            first_at: or_now(self.first_at),
            last_at: or_now(self.last_at),
            locked_until: if is_ahead(self.locked_until) { NEVER } else { self.locked_until },
            ..self
        }
    }

    /// The same counter with a new window begun, where the present one has had its hour.
    fn rolled(self, scope: Scope, now: Wall) -> Self {
        if scope == Scope::Address && now >= self.first_at.plus(HOUR) {
            // What was `earlier` is more than an hour old, since it was counted before `first_at`.
            Self { failures: 0, earlier: self.failures, first_at: now, ..self }
        } else {
            self
        }
    }

    /// Until when the failure just counted locks, if it does.
    fn lock(&self, scope: Scope) -> Option<Wall> {
        match scope {
            Scope::Account => match self.failures {
                5 => Some(self.last_at.plus(15 * MINUTE)),
                10 => Some(self.last_at.plus(HOUR)),
                15.. => Some(self.last_at.plus(DAY)),
                _ => None,
            },
            Scope::Code if self.failures.is_multiple_of(CODE_LIMIT) => {
                let before = (self.failures / CODE_LIMIT).saturating_sub(1).min(16);
                Some(self.last_at.plus(DAY.min(15 * MINUTE * (1 << before))))
            }
            Scope::Code => None,
            Scope::Device => (self.failures >= DEVICE_LIMIT).then(|| self.last_at.plus(DAY)),
            Scope::Address => {
                let full = self.earlier.saturating_add(self.failures) >= ADDRESS_LIMIT;
                // At the end of its window `earlier` goes; if that leaves no room, all go an hour
                // after the last.
                let window = if self.failures < ADDRESS_LIMIT { self.first_at } else { self.last_at };
                full.then(|| window.plus(HOUR))
            }
        }
    }
}

#[cfg(test)]
mod tests;
