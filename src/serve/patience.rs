//! How long a connection waits for its next request.
//!
//! Promises: who has not sent a whole header when the limit is over, though they send it byte by byte, is
//! given up, and nobody before three quarters of it; an answer takes the time it takes.
//! Never: decides the limit.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::sleep;

/// How often a connection is looked at within its limit.
const LOOKS: u32 = 4;

/// The patience with one connection.
///
/// hyper has a timer for this, and sets it anew with every request. Here no request reads a clock: it leaves a
/// mark, and the connection is looked at now and then.
pub(super) struct Patience {
    limit: Duration,
    /// One more with each request and with each answer: odd while one is answered.
    steps: AtomicU32,
}

impl Patience {
    /// A connection waits for a request, for `limit` at most.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, steps: AtomicU32::new(0) }
    }

    /// A request is there, or its answer.
    pub(super) fn step(&self) {
        // One task takes all steps of a connection, one after the other.
        self.steps.store(self.steps.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Waits until a request was waited for too long.
    pub(super) async fn over(&self) {
        let mut seen = self.steps.load(Ordering::Relaxed);
        let mut looks = 0;
        while looks < LOOKS {
            asleep(self.limit / LOOKS).await;
            let steps = self.steps.load(Ordering::Relaxed);
            looks = match steps {
                _ if steps % 2 == 1 => 0,
                _ if steps == seen => looks + 1,
                // It has waited for a part of this look.
                _ => 1,
            };
            seen = steps;
        }
    }
}

/// Waits for `span`. It is polled once a request, and asks the runtime's timers only when it was woken by them or
/// has to tell them whom to wake.
#[expect(clippy::disallowed_methods, reason = "a limit of input and output, in the runtime's own time")]
async fn asleep(span: Duration) {
    let mut sleep = pin!(sleep(span));
    let mut known: Option<Waker> = None;
    poll_fn(|context| {
        let is_known = known.as_ref().is_some_and(|known| known.will_wake(context.waker()));
        if is_known && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        known = Some(context.waker().clone());
        sleep.as_mut().poll(context)
    })
    .await;
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a limit of input and output, in the runtime's own time")]
mod tests {
    use std::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(400);

    #[tokio::test]
    async fn a_connection_that_is_silent_is_given_up_at_the_limit() {
        let began = Instant::now();
        Patience::new(LIMIT).over().await;
        let took = began.elapsed();
        assert!(took >= LIMIT, "given up after {took:?} of {LIMIT:?}");
    }

    #[tokio::test]
    async fn an_answer_takes_its_time_and_after_it_the_limit_begins_anew() {
        for (asked, answers) in [(0, 0), (50, 900), (200, 10)] {
            let patience = Patience::new(LIMIT);
            let visit = async {
                sleep(Duration::from_millis(asked)).await;
                patience.step();
                sleep(Duration::from_millis(answers)).await;
                patience.step();
                Instant::now()
            };
            let over = async {
                patience.over().await;
                Instant::now()
            };
            let (answered, over) = tokio::join!(visit, over);
            let waited = over.saturating_duration_since(answered);
            assert!(
                waited >= LIMIT * 3 / 4,
                "asked after {asked} ms, answered {answers} ms later, and given up {waited:?} after that"
            );
        }
    }
}
