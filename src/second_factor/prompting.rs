//! How often somebody is asked on Telegram, and how. Pure.
//!
//! The rules, exactly: three prompts an account, each within 15 minutes of the one before, and then none
//! for 15 minutes; so no 15 minutes hold more than three. After a denial or a wrong number none for 15
//! minutes, and twice as long each time, up to a day, until a sign-in is approved; and for a day the number
//! is typed instead of picked.

use std::time::Duration;

use crate::clock::Wall;
use crate::config::Placed;
use crate::error::Fault;

/// How somebody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To pick the number that the page shows out of four.
    Pick,
    /// To type the number that the page shows.
    Type,
    /// To approve or deny. Only for a browser that is remembered.
    Plain,
}

impl Mode {
    /// As it stands in the settings and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pick => "pick",
            Self::Type => "type",
            Self::Plain => "plain",
        }
    }

    /// The mode of that [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        [Self::Pick, Self::Type, Self::Plain].into_iter().find(|mode| mode.name() == name)
    }

    /// `telegram.mode`, as it is written in the settings.
    pub fn compile(written: &Placed<String>) -> Result<Self, Fault> {
        Self::named(&written.value).ok_or_else(|| {
            let fault = Fault::new(format!("`telegram.mode` cannot be `{}`", written.value)).hint(
                "`pick` one of four numbers, `type` the number, or `plain` for browsers that are remembered",
            );
            written.fault(fault)
        })
    }
}

/// What is known of the prompts of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prompting {
    /// Prompts in a row, none of them approved.
    pub prompts: u32,
    /// When the last was.
    pub last_at: Wall,
    /// Until when nobody is asked.
    pub paused_until: Wall,
    /// Pauses in a row.
    pub pauses: u32,
    /// Until when the number is typed.
    pub careful_until: Wall,
}

/// Why nobody is asked for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Until when.
    pub until: Wall,
    /// Whether somebody denied or chose the wrong number; else too many prompts were not answered.
    pub denied: bool,
}

/// Prompts in a row.
const MOST: u32 = 3;
const WINDOW: Duration = Duration::from_mins(15);
const LONGEST_PAUSE: Duration = Duration::from_hours(24);
const CAREFUL: Duration = Duration::from_hours(24);

impl Prompting {
    /// Of somebody who was never asked.
    pub const NEW: Self =
        Self { prompts: 0, last_at: Wall(0), paused_until: Wall(0), pauses: 0, careful_until: Wall(0) };

    /// One prompt more, or until when there is none.
    pub fn ask(self, now: Wall) -> Result<Self, Wall> {
        if self.is_paused(now) {
            return Err(self.paused_until);
        }
        let in_a_row = if now < self.last_at.plus(WINDOW) { self.prompts } else { 0 };
        let prompts = in_a_row.saturating_add(1);
        let paused_until = if prompts >= MOST { now.plus(WINDOW) } else { Wall(0) };
        Ok(Self { prompts, last_at: now, paused_until, ..self })
    }

    /// Until when nobody is asked, if nobody is now.
    pub fn pause(&self, now: Wall) -> Option<Pause> {
        self.is_paused(now).then_some(Pause { until: self.paused_until, denied: self.prompts < MOST })
    }

    /// A pause that ends later than any can was begun by a clock that was ahead, and is none.
    fn is_paused(&self, now: Wall) -> bool {
        now < self.paused_until && self.paused_until <= now.plus(2 * LONGEST_PAUSE)
    }

    /// Somebody denied, or chose the wrong number.
    #[must_use]
    pub fn stopped(self, now: Wall) -> Self {
        let pause = (WINDOW * 2_u32.saturating_pow(self.pauses.min(10))).min(LONGEST_PAUSE);
        Self {
            prompts: 0,
            last_at: now,
            paused_until: if self.is_paused(now) {
                self.paused_until.max(now.plus(pause))
            } else {
                now.plus(pause)
            },
            pauses: self.pauses.saturating_add(1),
            careful_until: now.plus(CAREFUL),
        }
    }

    /// Somebody approved: what was gathered is forgotten, but not the care.
    #[must_use]
    pub fn approved(self) -> Self {
        Self { careful_until: self.careful_until, ..Self::NEW }
    }

    /// How to ask, where the settings say `wanted`.
    pub fn mode(&self, wanted: Mode, is_administrator: bool, is_remembered: bool, now: Wall) -> Mode {
        if now < self.careful_until {
            return Mode::Type;
        }
        match wanted {
            Mode::Plain if is_remembered => Mode::Plain,
            Mode::Plain | Mode::Pick if is_administrator => Mode::Type,
            Mode::Plain | Mode::Pick => Mode::Pick,
            Mode::Type => Mode::Type,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall(1_000_000_000_000);
    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn no_fifteen_minutes_hold_more_than_three_prompts() {
        let mut prompting = Prompting::NEW;
        let mut asked: Vec<Wall> = Vec::new();
        for minute in 0..240 {
            let now = NOW.plus(MINUTE * minute);
            if let Ok(next) = prompting.ask(now) {
                prompting = next;
                asked.push(now);
            }
        }
        for three in asked.windows(4) {
            let (first, fourth) = (three[0], three[3]);
            assert!(fourth >= first.plus(WINDOW), "asked at {first:?} and for the fourth time at {fourth:?}");
        }
        assert!(asked.len() > 20, "time alone asks again: {asked:?}");
    }

    #[test]
    fn a_denial_pauses_for_fifteen_minutes_then_for_thirty_and_never_for_more_than_a_day() {
        let mut prompting = Prompting::NEW;
        let mut now = NOW;
        for expected in [15, 30, 60, 120, 240, 480, 960, 1440, 1440] {
            prompting = prompting.ask(now).expect("somebody is asked after the pause").stopped(now);
            let until = prompting.paused_until;
            assert_eq!(now.until(until), MINUTE * expected);
            assert_eq!(prompting.ask(until.minus(Duration::from_millis(1))), Err(until));
            now = until;
        }
        let prompting = prompting.ask(now).unwrap().approved();
        let again = prompting.ask(now).unwrap().stopped(now);
        assert_eq!(now.until(again.paused_until), MINUTE * 15, "an approval forgets the pauses");
    }

    #[test]
    fn a_clock_that_was_ahead_and_is_set_back_silences_nobody_for_long() {
        let ahead = NOW.plus(3650 * LONGEST_PAUSE);
        let asked = (0..3).fold(Prompting::NEW, |prompting, _| prompting.ask(ahead).expect("a prompt"));
        for left in [Prompting::NEW.stopped(ahead), asked] {
            assert!(left.pause(ahead).is_some(), "paused by that clock: {left:?}");
            assert_eq!(left.pause(NOW), None, "for years, by the right one: {left:?}");
            let next = left.ask(NOW).expect("a prompt");
            let stopped = next.stopped(NOW);
            assert!(NOW.until(stopped.paused_until) <= LONGEST_PAUSE, "the next pause: {stopped:?}");
            assert!(stopped.ask(NOW).is_err() && stopped.ask(stopped.paused_until).is_ok(), "{stopped:?}");
            assert!(NOW.until(next.paused_until) <= WINDOW, "after a prompt: {next:?}");
        }
    }

    #[test]
    fn after_a_denial_the_number_is_typed_for_a_day() {
        let prompting = Prompting::NEW;
        for (wanted, administrator, remembered, expected) in [
            (Mode::Pick, false, false, Mode::Pick),
            (Mode::Pick, true, false, Mode::Type),
            (Mode::Type, false, true, Mode::Type),
            (Mode::Plain, false, true, Mode::Plain),
            (Mode::Plain, false, false, Mode::Pick),
            (Mode::Plain, true, false, Mode::Type),
        ] {
            let mode = prompting.mode(wanted, administrator, remembered, NOW);
            assert_eq!(mode, expected, "{wanted:?}, administrator {administrator}, remembered {remembered}");
            let careful = prompting.stopped(NOW).approved();
            assert_eq!(careful.mode(wanted, administrator, remembered, NOW), Mode::Type);
            assert_eq!(careful.mode(wanted, administrator, remembered, NOW.plus(CAREFUL)), expected);
        }
    }
}
