//! Visitors sent round in a circle: known here, at the app not recognised, back here at once.
//! Owns a short memory of who was just sent where. Never holds more than a thousand of them.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Mono;
use crate::secret::fingerprint;

/// Who comes back to the same place within this time goes in a circle.
const SOON: Duration = Duration::from_secs(10);

/// How many departures are remembered.
const MOST: usize = 1024;

#[derive(Default)]
pub(super) struct Circles {
    left: Mutex<HashMap<[u8; 32], Mono>>,
}

impl Circles {
    /// Whether `who` (a session, or somebody on a device) was sent to `target` a moment ago; if not, it is
    /// noted that they are now.
    pub(super) fn closes(&self, who: impl fmt::Display, target: &str, now: Mono) -> bool {
        // Once told, the visitor may try again: the next arrival counts as a first one.
        let closes = self.is_back(&who, target, now);
        if !closes {
            self.leaves(who, target, now);
        }
        closes
    }

    /// Notes that `who` is sent to `target`.
    pub(super) fn leaves(&self, who: impl fmt::Display, target: &str, now: Mono) {
        let mut left = self.left.lock();
        if left.len() >= MOST {
            left.retain(|_, when| now.since(*when) < SOON);
            if left.len() >= MOST {
                left.clear();
            }
        }
        left.insert(key(&who, target), now);
    }

    /// Whether `who` was sent to `target` a moment ago. That is told once.
    pub(super) fn is_back(&self, who: impl fmt::Display, target: &str, now: Mono) -> bool {
        let left = self.left.lock().remove(&key(&who, target));
        left.is_some_and(|when| now.since(when) < SOON)
    }
}

fn key(who: &impl fmt::Display, target: &str) -> [u8; 32] {
    fingerprint(&format!("{who}\0{target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_arrival_within_ten_seconds_closes_a_circle() {
        let circles = Circles::default();
        let (ann, bob) = ("ann", "bob");
        let at = |seconds: u64| Mono(seconds * 1_000_000_000);
        assert!(!circles.closes(ann, "https://a.example/", at(0)), "the first arrival");
        assert!(!circles.closes(bob, "https://a.example/", at(1)), "another session");
        assert!(!circles.closes(ann, "https://b.example/", at(1)), "another app");
        assert!(circles.closes(ann, "https://a.example/", at(9)), "back after nine seconds");
        assert!(!circles.closes(ann, "https://a.example/", at(10)), "was told why, tries once more");
        assert!(!circles.closes(ann, "https://a.example/", at(21)), "back after eleven seconds");
        circles.leaves(bob, "https://c.example/", at(30));
        assert!(!circles.is_back(ann, "https://c.example/", at(31)), "another");
        assert!(circles.is_back(bob, "https://c.example/", at(31)), "back after a second");
        assert!(!circles.is_back(bob, "https://c.example/", at(32)), "was told");
    }
}
