//! How the server ends: what every connection hears of it, and the names of what was cut.
//!
//! Promises: a request that is dropped because its time was over is named; one whose client left is not.
//! Never: decides when.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Poll, Waker};

use http::{Method, Uri};
use parking_lot::Mutex;
use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It has not begun.
    Serving,
    /// Nobody new; who is being answered is answered.
    Draining,
    /// Whoever is still there goes now.
    Cut,
}

/// The end of one server.
pub(super) struct Ending {
    phase: watch::Sender<Phase>,
    /// The same for who looks once a request: it is set before `phase` is.
    so_far: AtomicU8,
    cut: Mutex<Vec<String>>,
}

impl Ending {
    pub(super) fn new() -> Self {
        let phase = Phase::Serving;
        Self {
            phase: watch::Sender::new(phase),
            so_far: AtomicU8::new(phase as u8),
            cut: Mutex::new(Vec::new()),
        }
    }

    /// From now on nobody new.
    pub(super) fn begin(&self) {
        self.come_to(Phase::Draining);
    }

    /// From now on nobody.
    pub(super) fn cut(&self) {
        self.come_to(Phase::Cut);
    }

    fn come_to(&self, phase: Phase) {
        self.so_far.store(phase as u8, Ordering::Release);
        self.phase.send_replace(phase);
    }

    /// Waits until the end has come as far as `phase`.
    pub(super) async fn reached(&self, phase: Phase) {
        let mut heard = self.phase.subscribe();
        let mut coming = pin!(heard.wait_for(|now| *now >= phase));
        let mut known: Option<Waker> = None;
        // A connection asks this once a request, and a `watch` has locks that all of them share: it need
        // not be asked again by whom it will wake.
        poll_fn(|context| {
            let waker = context.waker();
            let is_known = known.as_ref().is_some_and(|known| known.will_wake(waker));
            if is_known && self.so_far.load(Ordering::Acquire) < phase as u8 {
                return Poll::Pending;
            }
            known = Some(waker.clone());
            // It cannot fail: its sender is `self`.
            coming.as_mut().poll(context).map(|_| ())
        })
        .await;
    }

    /// Requests that were cut, each as `GET /path`.
    pub(super) fn names(&self) -> Vec<String> {
        std::mem::take(&mut self.cut.lock())
    }

    /// Watches over one request: dropped while the server cuts, it leaves its name.
    pub(super) fn in_flight(&self, method: &Method, uri: &Uri) -> InFlight<'_> {
        InFlight { ending: self, method: method.clone(), uri: uri.clone(), answered: false }
    }
}

/// One request that is being answered.
pub(super) struct InFlight<'a> {
    ending: &'a Ending,
    method: Method,
    uri: Uri,
    answered: bool,
}

impl InFlight<'_> {
    /// The path that was asked for, without its query, which may hold what nobody should read.
    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// It has its answer.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.answered && *self.ending.phase.borrow() == Phase::Cut {
            self.ending.cut.lock().push(format!("{} {}", self.method, self.uri.path()));
        }
    }
}
