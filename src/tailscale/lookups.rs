//! Questions about places. Owns what is remembered of them, and who may ask when many want to.
//!
//! Promises: of many who want to know the same at once, one asks; no more than 16 questions are at the
//! daemon at a time, and strangers never take the last four of these.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::{Cache, EntryAction, EntryResult};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Place;
use super::device::Answer;
use super::failure::Failure;
use crate::clock::{Mono, Now};

/// How many questions may be at the daemon at once,
const PLACES: usize = 12;
/// besides those about addresses where somebody was found lately,
const RESERVED: usize = 4;
/// and how many may wait.
const QUEUE: usize = 64;
/// How long somebody is an acquaintance.
const ACQUAINTED: Duration = Duration::from_mins(10);
/// How many acquaintances there are.
const ACQUAINTANCES: usize = 1024;
/// Bytes for remembered answers, as the daemon wrote them.
const REMEMBERED: u64 = 8 * 1024 * 1024;

/// A place in one generation.
type Key = (u64, Place);

/// What is remembered, and who may ask.
pub(super) struct Lookups {
    answers: Cache<Key, Arc<Answer>, Bytes>,
    acquaintances: Cache<Place, Mono>,
    places: Semaphore,
    reserved: Semaphore,
    queue: Semaphore,
    /// A question about a connection can hold the daemon up for 182 ms: one at a time.
    connection: Semaphore,
}

/// Leave to ask, until it is dropped.
struct Leave<'a> {
    _connection: Option<SemaphorePermit<'a>>,
    _place: SemaphorePermit<'a>,
}

impl Lookups {
    /// Nothing remembered.
    pub(super) fn new() -> Self {
        Self {
            answers: Cache::with_weighter(1024, REMEMBERED, Bytes),
            acquaintances: Cache::new(ACQUAINTANCES),
            places: Semaphore::new(PLACES),
            reserved: Semaphore::new(RESERVED),
            queue: Semaphore::new(QUEUE),
            connection: Semaphore::new(1),
        }
    }

    /// What is known of `place` in `generation`, or else what `ask` finds. Of many at once one asks; if it
    /// leaves or fails, the next does.
    pub(super) async fn answer<A: Future<Output = Result<Answer, Failure>>>(
        &self,
        generation: u64,
        place: Place,
        now: Now,
        ask: impl FnOnce() -> A,
    ) -> Result<Arc<Answer>, Failure> {
        let judge = |_: &Key, answer: &mut Arc<Answer>| {
            if answer.counts(now) {
                EntryAction::Retain(answer.clone())
            } else {
                EntryAction::ReplaceWithGuard
            }
        };
        let to_find = match self.answers.entry_async(&(generation, place), judge).await {
            EntryResult::Retained(answer) => return Ok(answer),
            EntryResult::Replaced(to_find, _) | EntryResult::Vacant(to_find) => to_find,
            // For an entry that is to be taken away, or not to be waited for: neither is asked for here.
            EntryResult::Removed(..) | EntryResult::Timeout => return Err(Failure::Busy),
        };
        let leave = self.leave(place, now).await?;
        let answer = Arc::new(Box::pin(ask()).await?);
        drop(leave);
        if answer.who.is_ok() {
            self.acquaintances.insert(place, now.mono);
        }
        // It fails if the entry was pushed out meanwhile; then it is not remembered.
        let _pushed_out = to_find.insert(answer.clone());
        Ok(answer)
    }

    /// Waits for leave to ask about `place`; [`Failure::Busy`] at once if too many wait.
    async fn leave(&self, place: Place, now: Now) -> Result<Leave<'_>, Failure> {
        let is_acquainted =
            self.acquaintances.get(&place).is_some_and(|seen| now.mono.since(seen) < ACQUAINTED);
        let connection = match place {
            Place::Address(_) => None,
            Place::Loopback(_) => Some(self.queued(&self.connection).await?),
        };
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) if is_acquainted => self.reserved.acquire().await.map_err(|_| Failure::Busy)?,
            Err(_) => self.queued(&self.places).await?,
        };
        Ok(Leave { _connection: connection, _place: place })
    }

    async fn queued<'a>(&self, places: &'a Semaphore) -> Result<SemaphorePermit<'a>, Failure> {
        let _waiting = self.queue.try_acquire().map_err(|_| Failure::Busy)?;
        places.acquire().await.map_err(|_| Failure::Busy)
    }
}

/// Weighs an answer by what the daemon wrote.
#[derive(Clone)]
pub(super) struct Bytes;

impl Weighter<Key, Arc<Answer>> for Bytes {
    fn weight(&self, _: &Key, answer: &Arc<Answer>) -> u64 {
        256 + answer.bytes as u64
    }
}
