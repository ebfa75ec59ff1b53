//! The pool: a bounded queue, and the threads that work it off.
//!
//! Promises: work that has begun is finished, whoever still waits for it; work whose client left before it
//! began is dropped undone (its guess was counted when it was taken); a panic ends one piece of work and no
//! thread; memory is given back after 30 s without work.
//! Never: waits for room in the queue: a full one is said at once.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::Busy;
use super::argon::Memory;
use crate::clock::Clock;

/// Work that may wait.
const QUEUE: usize = 64;
/// How long a thread keeps its memory without work.
const IDLE: Duration = Duration::from_secs(30);
/// How long a hash takes, before one was measured.
const FIRST_GUESS: Duration = Duration::from_millis(100);

pub(super) struct Pool {
    queue: Mutex<Queue>,
    work: Condvar,
    threads: usize,
    idle: Duration,
    clock: Clock,
    /// A moving average of how long a piece of work takes, in nanoseconds.
    takes: AtomicU64,
    held: Arc<AtomicUsize>,
}

struct Queue {
    jobs: VecDeque<Box<dyn Job>>,
    /// Places that somebody holds who has no work yet.
    held: usize,
    closed: bool,
}

/// Room for one piece of work, until it is used or dropped.
pub(super) struct Place(Arc<Pool>);

impl Place {
    /// Queues `work`; its answer comes through the receiver, which closes without one if the work panics
    /// or the pool is closed.
    pub(super) fn submit<T, F>(self, work: F) -> Result<oneshot::Receiver<T>, Busy>
    where
        T: Send + 'static,
        F: FnOnce(&mut Memory) -> T + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let mut queue = self.0.queue.lock();
        if queue.closed {
            drop(queue);
            return Err(self.0.busy());
        }
        queue.jobs.push_back(Box::new(Task { answer, work }));
        drop(queue);
        self.0.work.notify_one();
        Ok(receiver)
    }

    /// What somebody is told who could not be served.
    pub(super) fn busy(&self) -> Busy {
        self.0.busy()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.queue.lock().held -= 1;
    }
}

/// A piece of work that owns all it needs.
trait Job: Send {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;
    /// Does it, and answers whoever still waits.
    fn run(self: Box<Self>, memory: &mut Memory);
}

struct Task<T, F> {
    answer: oneshot::Sender<T>,
    work: F,
}

impl<T: Send, F: FnOnce(&mut Memory) -> T + Send> Job for Task<T, F> {
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>, memory: &mut Memory) {
        let answer = (self.work)(memory);
        // The client may have left meanwhile.
        let _ = self.answer.send(answer);
    }
}

impl Pool {
    /// A pool that `threads` threads are about to [`serve`](Self::serve).
    pub(super) fn new(threads: usize, clock: Clock) -> Arc<Self> {
        Self::with_idle(threads, clock, IDLE)
    }

    pub(super) fn with_idle(threads: usize, clock: Clock, idle: Duration) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(Queue { jobs: VecDeque::new(), held: 0, closed: false }),
            work: Condvar::new(),
            threads,
            idle,
            clock,
            takes: AtomicU64::new(u64::try_from(FIRST_GUESS.as_nanos()).unwrap_or(u64::MAX)),
            held: Arc::new(AtomicUsize::new(0)),
        })
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// Bytes of memory the threads hold.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Room for one piece of work, or that there is none now.
    pub(super) fn place(self: &Arc<Self>) -> Result<Place, Busy> {
        let mut queue = self.queue.lock();
        if queue.jobs.len() + queue.held >= QUEUE {
            queue.jobs.retain(|job| job.is_wanted());
        }
        if queue.closed || queue.jobs.len() + queue.held >= QUEUE {
            let waiting = queue.jobs.len();
            drop(queue);
            return Err(self.busy_behind(waiting));
        }
        queue.held += 1;
        Ok(Place(self.clone()))
    }

    /// What somebody is told who could not be served.
    pub(super) fn busy(&self) -> Busy {
        let waiting = self.queue.lock().jobs.len();
        self.busy_behind(waiting)
    }

    fn busy_behind(&self, waiting: usize) -> Busy {
        let takes = Duration::from_nanos(self.takes.load(Ordering::Relaxed));
        let rounds = u32::try_from(waiting / self.threads + 1).unwrap_or(u32::MAX);
        let seconds = takes.saturating_mul(rounds).as_secs().saturating_add(1);
        Busy { retry_after: Duration::from_secs(seconds.min(60)) }
    }

    /// Takes no more work, drops what waits, and lets the threads end.
    pub(super) fn close(&self) {
        let dropped = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            std::mem::take(&mut queue.jobs)
        };
        self.work.notify_all();
        drop(dropped);
    }

    /// Works the queue off until the pool is closed.
    pub(super) fn serve(&self) {
        let mut memory = Memory::new(self.held.clone());
        while let Some(job) = self.next(&mut memory) {
            let began = self.clock.now().mono;
            // What a panic leaves behind in the memory is overwritten by the next hash.
            if catch_unwind(AssertUnwindSafe(|| job.run(&mut memory))).is_err() {
                tracing::error!(event = "password.panicked", "hashing a password panicked");
                memory.free();
            }
            self.measured(self.clock.now().mono.since(began));
        }
    }

    /// The next piece of work that somebody waits for; nothing once the pool is closed.
    fn next(&self, memory: &mut Memory) -> Option<Box<dyn Job>> {
        let mut queue = self.queue.lock();
        loop {
            if queue.closed {
                return None;
            }
            while let Some(job) = queue.jobs.pop_front() {
                if job.is_wanted() {
                    return Some(job);
                }
            }
            if memory.is_empty() {
                self.work.wait(&mut queue);
            } else if self.work.wait_for(&mut queue, self.idle).timed_out() && queue.jobs.is_empty() {
                // Wiping takes some milliseconds, in which others may queue.
                MutexGuard::unlocked(&mut queue, || memory.free());
            }
        }
    }

    fn measured(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let before = self.takes.load(Ordering::Relaxed);
        self.takes.store(before / 8 * 7 + took / 8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
