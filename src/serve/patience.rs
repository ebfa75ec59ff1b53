//! How long a connection waits for its next header: the timer that hyper is given.
//!
//! Promises: a wait ends at its moment, and one that was given up wakes nobody for it.
//! Never: decides how long.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;

/// The timer of one connection.
///
/// hyper begins a wait after every answer and gives it up with the next request. So that the timers of
/// the runtime, which all connections share, are not asked twice a request, all waits of a connection
/// use one: it goes on to its moment, and is set again only there, if somebody still waits.
pub(super) struct Patience(Arc<Mutex<Alarm>>);

struct Alarm {
    sleep: Pin<Box<tokio::time::Sleep>>,
    /// Whom it will wake.
    wakes: Option<Waker>,
}

/// One wait, until `end`.
struct Wait {
    end: tokio::time::Instant,
    alarm: Arc<Mutex<Alarm>>,
}

impl Patience {
    /// For a connection whose waits take `usual`; others work too, and cost more.
    #[expect(clippy::disallowed_methods, reason = "a limit of input and output, in the runtime's own time")]
    pub(super) fn new(usual: Duration) -> Self {
        Self(Arc::new(Mutex::new(Alarm { sleep: Box::pin(tokio::time::sleep(usual)), wakes: None })))
    }
}

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { end: deadline.into(), alarm: self.0.clone() })
    }
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Alarm { sleep, wakes } = &mut *self.alarm.lock();
        let rings_in_time = sleep.deadline() <= self.end;
        if !sleep.is_elapsed() && rings_in_time {
            if wakes.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                return Poll::Pending;
            }
        } else if sleep.deadline() != self.end {
            sleep.as_mut().reset(self.end);
        }
        *wakes = Some(context.waker().clone());
        sleep.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn each_wait_ends_at_its_own_moment_whatever_was_given_up_before() {
        let patience = Patience::new(Duration::from_millis(20));
        for (given_up, waited) in [(0, 20), (30, 60), (500, 10), (5, 5), (0, 0)] {
            let asked = patience.now();
            let mut early = patience.sleep(Duration::from_millis(given_up));
            poll_fn(|context| Poll::Ready(early.as_mut().poll(context).is_ready())).await;
            drop(early);
            let waited = Duration::from_millis(waited);
            patience.sleep_until(asked + waited).await;
            let took = patience.now() - asked;
            assert!(took >= waited, "a wait of {waited:?} after one of {given_up} ms ended after {took:?}");
        }
    }
}
