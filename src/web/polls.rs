//! Requests that wait for something to come: how many may, and that all are let go when the server ends.
//! Never knows what they wait for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::{Error, Kind};

/// How long one may take: proxies give up after half a minute.
pub const PATIENCE: Duration = Duration::from_secs(25);
/// How many may wait at once.
const MOST: usize = 256;
/// How many for one thing: a page, its copies, and what a browser left behind.
const MOST_OF_ONE: usize = 4;
/// When who was sent away may come again.
const COME_AGAIN: Duration = Duration::from_secs(5);

/// The polls that wait, each for what a `K` names.
pub struct Polls<K> {
    waiting: Arc<Mutex<HashMap<K, usize>>>,
    ending: watch::Sender<bool>,
}

/// A place among them, given up when it is dropped.
pub struct Place<K: Eq + Hash> {
    waiting: Arc<Mutex<HashMap<K, usize>>>,
    key: K,
    ending: watch::Receiver<bool>,
}

impl<K> Default for Polls<K> {
    fn default() -> Self {
        Self { waiting: Arc::default(), ending: watch::Sender::new(false) }
    }
}

impl<K: Copy + Eq + Hash> Polls<K> {
    /// Lets all go who wait, and nobody wait any more.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// A place to wait for what `key` names; 429 where there is none.
    pub fn place(&self, key: K) -> Result<Place<K>, Error> {
        let mut waiting = self.waiting.lock();
        let all: usize = waiting.values().sum();
        let own = waiting.get(&key).copied().unwrap_or_default();
        if all >= MOST || own >= MOST_OF_ONE {
            return Err(Error::said(Kind::TooMany(COME_AGAIN), "Too many pages wait at once."));
        }
        waiting.insert(key, own + 1);
        drop(waiting);
        Ok(Place { waiting: self.waiting.clone(), key, ending: self.ending.subscribe() })
    }
}

impl<K: Eq + Hash> Place<K> {
    /// Comes to its end when the server begins to.
    pub async fn let_go(&mut self) {
        // An error is the end of all polls, too.
        let _ended = self.ending.wait_for(|ends| *ends).await;
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock();
        if let Some(own) = waiting.get_mut(&self.key) {
            *own -= 1;
            if *own == 0 {
                waiting.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wait_for_one_thing_and_so_many_in_all() {
        let polls = Polls::default();
        let own: Vec<_> = (0..MOST_OF_ONE).map(|_| polls.place(0).expect("a place")).collect();
        assert!(polls.place(0).is_err(), "one more for the same thing");
        let others: Vec<_> = (1..=MOST - own.len()).map(|key| polls.place(key).expect("a place")).collect();
        assert!(polls.place(usize::MAX).is_err(), "one more in all");
        drop(others);
        assert!(polls.place(0).is_err(), "still one more for the same thing");
        drop(own);
        assert!(polls.place(0).is_ok(), "a place was given up");
        assert!(polls.waiting.lock().is_empty(), "nothing is kept of who is gone");
    }

    #[tokio::test]
    async fn at_the_end_all_are_let_go_and_nobody_waits() {
        let polls = Polls::default();
        let mut before = polls.place(1).expect("a place");
        polls.end();
        before.let_go().await;
        polls.place(2).expect("a place").let_go().await;
    }
}
