//! What is to be said because somebody wrote or tapped. In memory and bounded: whoever gets no answer
//! writes or taps again.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::telegram::Message;

/// How many answers to taps, and how many messages, may wait.
const MOST: usize = 256;

/// The answer to a tap.
#[derive(Clone, Debug)]
pub(super) struct Toast {
    pub(super) query: String,
    pub(super) text: &'static str,
    /// Whether it has to be closed.
    pub(super) alert: bool,
}

/// A message in answer to one, or in place of one.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) chat: i64,
    /// The message it stands in place of.
    pub(super) instead_of: Option<i64>,
    pub(super) message: Message,
}

/// What waits to be said.
pub(super) struct Outbox {
    toasts: Mutex<VecDeque<Toast>>,
    replies: Mutex<VecDeque<Reply>>,
    woken: watch::Sender<u64>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { toasts: Mutex::default(), replies: Mutex::default(), woken: watch::Sender::new(0) }
    }
}

impl Outbox {
    pub(super) fn toast(&self, toast: Toast) {
        push(&self.toasts, toast);
        self.wake();
    }

    pub(super) fn reply(&self, reply: Reply) {
        push(&self.replies, reply);
        self.wake();
    }

    pub(super) fn next_toast(&self) -> Option<Toast> {
        self.toasts.lock().pop_front()
    }

    /// The oldest message to a chat that `is_free`.
    pub(super) fn next_reply(&self, is_free: impl Fn(i64) -> bool) -> Option<Reply> {
        let mut replies = self.replies.lock();
        let place = replies.iter().position(|reply| is_free(reply.chat))?;
        replies.remove(place)
    }

    /// Moves whenever there may be something to say.
    pub(super) fn woken(&self) -> watch::Receiver<u64> {
        self.woken.subscribe()
    }

    /// There may be something to say.
    pub(super) fn wake(&self) {
        self.woken.send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn push<T>(queue: &Mutex<VecDeque<T>>, one: T) {
    let mut queue = queue.lock();
    if queue.len() < MOST {
        queue.push_back(one);
    } else {
        tracing::debug!(event = "telegram.unsaid", "more is to be said than Telegram takes");
    }
}
