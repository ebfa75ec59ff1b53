//! The time of day: what certificates, sessions and the record rest on.

use std::path::Path;

use super::finding::Finding;
use crate::clock::Wall;

const ABOUT: &str = "clock";

/// 2026-01-01: before the first release of Aegis.
const EARLIEST: Wall = Wall(1_767_225_600_000);
/// 2100-01-01.
const LATEST: Wall = Wall(4_102_444_800_000);
/// How far the record may be ahead: two clocks are never quite one.
const LEEWAY_MS: i64 = 2_000;

/// Where systemd-timesyncd says that it runs, and within that, that it was right once.
const TIMESYNC: &str = "/run/systemd/timesync";

const SET_IT: &str = "set it, and let systemd-timesyncd, chrony or another NTP client keep it";

/// Judges the time that is, with what the newest entry of the record says.
pub(super) fn judge(now: Wall, newest: Option<Wall>, timesync: Timesync) -> Vec<Finding> {
    let shown = now.rfc3339();
    if now < EARLIEST || now > LATEST {
        let what = format!("it is {shown} here, which cannot be");
        return vec![Finding::wrong(ABOUT, what).hint(SET_IT)];
    }
    let mut findings = Vec::new();
    if let Some(newest) = newest.filter(|newest| newest.0.saturating_sub(now.0) > LEEWAY_MS) {
        let what = format!(
            "it is {shown} here, and the record was last written at {}: the clock went back, and sessions and \
             links live longer by as much",
            newest.rfc3339()
        );
        findings.push(Finding::wrong(ABOUT, what).hint(SET_IT));
    }
    match timesync {
        Timesync::Synchronized => findings.push(Finding::ok(ABOUT, format!("{shown}, synchronised"))),
        Timesync::NotYet => findings.push(
            Finding::note(ABOUT, format!("{shown}, and systemd-timesyncd has not reached its server yet"))
                .hint("`timedatectl timesync-status` says which one"),
        ),
        Timesync::Unknown if findings.is_empty() => findings.push(Finding::ok(ABOUT, shown)),
        Timesync::Unknown => {}
    }
    findings
}

/// What systemd says of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timesync {
    Synchronized,
    NotYet,
    /// Something else keeps the clock, or it cannot be seen from here.
    Unknown,
}

impl Timesync {
    /// Looks for the files of systemd-timesyncd.
    pub(super) fn look() -> Self {
        let folder = Path::new(TIMESYNC);
        if folder.join("synchronized").exists() {
            Self::Synchronized
        } else if folder.exists() {
            Self::NotYet
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_year_and_by_the_record() {
        const NOW: Wall = Wall(1_795_252_374_000);
        let before = Wall(NOW.0 - 60_000);
        let after = Wall(NOW.0 + 60_000);
        for (now, newest, timesync, expected) in [
            (NOW, None, Timesync::Unknown, &[State::Ok][..]),
            (NOW, Some(before), Timesync::Synchronized, &[State::Ok]),
            (NOW, Some(Wall(NOW.0 + 1_000)), Timesync::Unknown, &[State::Ok]),
            (NOW, Some(before), Timesync::NotYet, &[State::Note]),
            (NOW, Some(after), Timesync::Unknown, &[State::Wrong]),
            (NOW, Some(after), Timesync::Synchronized, &[State::Wrong, State::Ok]),
            (Wall(0), Some(before), Timesync::Unknown, &[State::Wrong]),
            (Wall(5_000_000_000_000), None, Timesync::Synchronized, &[State::Wrong]),
        ] {
            let found = judge(now, newest, timesync);
            let states: Vec<State> = found.iter().map(|finding| finding.state).collect();
            assert_eq!(states, expected, "at {now:?} with {newest:?} and {timesync:?}: {found:?}");
        }
    }
}
