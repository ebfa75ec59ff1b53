//! Time. Owns the one way to read it and the one way to wait for a moment of ours.
//!
//! Promises: a request reads the clock once and passes [`Now`] on, so all its judgements agree;
//! wall time never runs backwards in one process, so that a clock set back revives nothing.
//! Never: lets a flag, a variable or a feature move the clock of the shipped binary; only a test
//! that holds a [`Manual`] can, and only forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Notify;

/// A moment on the wall clock: milliseconds since 1970-01-01T00:00:00Z. For what outlives the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

impl Wall {
    /// The moment as whole seconds since 1970 (`NumericDate` of RFC 7519, section 2), rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment that is `seconds` after 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// This moment and `span` more.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment less `span`.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long until `later`; zero if it has passed.
    pub fn until(self, later: Wall) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// `2026-11-21T09:12:54Z` (RFC 3339), for logs, records and people who read them.
    pub fn rfc3339(self) -> String {
        time::OffsetDateTime::from_unix_timestamp(self.seconds())
            .ok()
            .and_then(|moment| moment.format(&time::format_description::well_known::Rfc3339).ok())
            .unwrap_or_else(|| format!("{} ms since 1970", self.0))
    }
}

/// A moment on the monotonic clock: nanoseconds since the clock was made. For freshness, backoff and caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(pub u64);

impl Mono {
    /// This moment and `span` more.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if it is yet to come.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// What may be said once in a while and no more, such as a line of the log that strangers can cause.
#[derive(Debug, Default)]
pub struct Seldom {
    /// When it was last said: the monotonic time plus one; 0: never.
    said: AtomicU64,
}

impl Seldom {
    /// Whether it is time to say it again: once in each `span`, to one of all who ask at once.
    pub fn again(&self, span: Duration, now: Mono) -> bool {
        let said = self.said.load(Ordering::Relaxed);
        let is_due = said.checked_sub(1).is_none_or(|said| now.since(Mono(said)) >= span);
        let mark = now.0.saturating_add(1);
        is_due && self.said.compare_exchange(said, mark, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Both clocks, read together, once a request.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The wall clock.
    pub wall: Wall,
    /// The monotonic clock.
    pub mono: Mono,
}

/// Where the time comes from.
#[derive(Clone)]
pub enum Clock {
    /// The machine's own clocks.
    System(Arc<System>),
    /// A clock that a test moves by hand.
    Manual(Arc<Manual>),
}

/// The machine's clocks, and the latest wall time they have shown.
pub struct System {
    /// What the monotonic clock showed when this one was made, in nanoseconds.
    start: i64,
    latest: AtomicI64,
}

/// A clock that stands still until it is told to [`advance`](Manual::advance).
pub struct Manual {
    wall_start: i64,
    elapsed: AtomicU64,
    moved: Notify,
}

impl Clock {
    /// The machine's own clocks.
    pub fn system() -> Self {
        Self::System(Arc::new(System {
            start: nanoseconds(ClockId::MonotonicCoarse),
            latest: AtomicI64::new(i64::MIN),
        }))
    }

    /// A clock that starts at `wall` and moves only by [`Manual::advance`].
    pub fn manual(wall: Wall) -> (Self, Arc<Manual>) {
        let manual =
            Arc::new(Manual { wall_start: wall.0, elapsed: AtomicU64::new(0), moved: Notify::new() });
        (Self::Manual(manual.clone()), manual)
    }

    /// Both clocks, now.
    pub fn now(&self) -> Now {
        match self {
            Self::System(system) => system.read(ClockId::Realtime, ClockId::Monotonic),
            Self::Manual(manual) => manual.now(),
        }
    }

    /// Both clocks as they stood at the kernel's last tick: 10 ms ago at most, for less than half of what
    /// [`now`](Self::now) costs. For who asks on every check.
    pub fn lately(&self) -> Now {
        match self {
            Self::System(system) => system.read(ClockId::RealtimeCoarse, ClockId::MonotonicCoarse),
            Self::Manual(manual) => manual.now(),
        }
    }

    /// How far the machine's wall clock is behind what it has shown here: it was set back, and
    /// [`Now::wall`] stands still until it has caught up.
    pub fn behind(&self) -> Duration {
        match self {
            Self::System(system) => {
                let latest = Wall(system.latest.load(Ordering::Relaxed));
                Wall(nanoseconds(ClockId::Realtime) / 1_000_000).until(latest)
            }
            Self::Manual(_) => Duration::ZERO,
        }
    }

    /// Waits until the monotonic clock shows `moment`.
    #[expect(clippy::disallowed_methods, reason = "this module is where moments are waited for")]
    pub async fn until(&self, moment: Mono) {
        match self {
            Self::System(_) => {
                let left = moment.since(self.now().mono);
                if !left.is_zero() {
                    tokio::time::sleep(left).await;
                }
            }
            Self::Manual(manual) => loop {
                let moved = manual.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if self.now().mono >= moment {
                    return;
                }
                moved.await;
            },
        }
    }

    /// Waits for `span` on the monotonic clock.
    pub async fn wait(&self, span: Duration) {
        self.until(self.now().mono.plus(span)).await;
    }
}

impl System {
    fn read(&self, wall: ClockId, mono: ClockId) -> Now {
        let read = nanoseconds(wall) / 1_000_000;
        // Looked at first: it is written once a millisecond, not once a request by every core.
        let latest = match self.latest.load(Ordering::Relaxed) {
            latest if latest >= read => latest,
            _ => self.latest.fetch_max(read, Ordering::Relaxed).max(read),
        };
        let mono = nanoseconds(mono).saturating_sub(self.start);
        Now { wall: Wall(latest), mono: Mono(u64::try_from(mono).unwrap_or(0)) }
    }
}

/// What that clock shows, in nanoseconds, for 292 years; 0 before 1970.
#[expect(clippy::disallowed_methods, reason = "this module is where the clock is read")]
fn nanoseconds(clock: ClockId) -> i64 {
    let shown = Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    i64::try_from(shown.as_nanos()).unwrap_or(i64::MAX)
}

impl Manual {
    fn now(&self) -> Now {
        let elapsed = self.elapsed.load(Ordering::Acquire);
        let wall = i64::try_from(elapsed / 1_000_000).unwrap_or(i64::MAX);
        Now { wall: Wall(self.wall_start.saturating_add(wall)), mono: Mono(elapsed) }
    }

    /// Moves both clocks forward and wakes whoever waits for a moment that has come.
    pub fn advance(&self, span: Duration) {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.elapsed.fetch_add(span, Ordering::AcqRel);
        self.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test may start a task")]
    async fn a_manual_clock_wakes_who_waits_for_it() {
        let (clock, hand) = Clock::manual(Wall::from_seconds(1_000));
        let moment = clock.now().mono.plus(Duration::from_secs(5));
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.until(moment).await }
        });
        hand.advance(Duration::from_secs(4));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "four of five seconds have passed");
        hand.advance(Duration::from_secs(1));
        waiting.await.unwrap();
        assert_eq!(clock.now().wall, Wall::from_seconds(1_005));
    }

    #[test]
    fn a_clock_that_is_set_back_stands_still_and_says_so() {
        let clock = Clock::system();
        let first = clock.now();
        assert_eq!(clock.behind(), Duration::ZERO, "at {first:?}");
        let Clock::System(system) = &clock else { panic!("the machine's own") };
        let ahead = first.wall.plus(Duration::from_hours(3));
        system.latest.store(ahead.0, Ordering::Relaxed);
        assert_eq!((clock.now().wall, clock.lately().wall), (ahead, ahead), "as after three hours back");
        let behind = clock.behind();
        assert!(behind > Duration::from_mins(179) && behind <= Duration::from_hours(3), "{behind:?}");
        assert!(clock.now().mono >= first.mono, "the other clock goes on");
    }

    #[test]
    fn what_is_said_seldom_is_said_once_in_its_span() {
        let seldom = Seldom::default();
        let span = Duration::from_mins(1);
        let at = |seconds: u64| Mono(seconds * 1_000_000_000);
        let said: Vec<_> = [0, 0, 59, 60, 61, 119, 300].map(|second| seldom.again(span, at(second))).into();
        assert_eq!(said, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn a_moment_reads_as_rfc_3339() {
        assert_eq!(Wall::from_seconds(1_795_252_374).rfc3339(), "2026-11-21T09:12:54Z");
    }
}
