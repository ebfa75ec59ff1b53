//! The change feed in memory. Owns who of those that are remembered is still as they were: [`Live`] flags,
//! the generation, and when the feed was last heard.
//!
//! Promises: while [`heard_recently`](Changes::heard_recently) holds, whatever any process committed a
//! second ago or earlier has reached the flags and the generation.
//! Never: reads a row for others, or decides what a change means to them.
//!
//! How to remember something, in this order: note the [`generation`](Changes::generation) and take the
//! handles, then read the rows, then remember. How to use it: only while the feed was heard recently, the
//! generation is the one noted, and every handle is alive. A change in between leaves it dead on arrival.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, Mono};
use crate::identity::{ApiTokenId, SessionId, UserId};
use crate::store::{Change, News, StoreError, Watcher};

/// The kind of a change of a user: state, roles, password, name. Its subject is the user's id.
pub const USER: &str = "user";
/// The kind of a change of a session: it ended or was narrowed. Its subject is the session's id.
pub const SESSION: &str = "session";
/// The kind of a change of an API token: it was revoked. Its subject is the token's id.
pub const API_TOKEN: &str = "api_token";

/// How often the feed is asked.
const RHYTHM: Duration = Duration::from_millis(200);
/// For how long an answer of the feed counts: a second, less what `Clock::lately` may be late.
const RECENT: Duration = Duration::from_millis(990);

/// Whether a user, a session or an API token is still as it was when this handle was taken.
#[derive(Debug)]
pub struct Live(AtomicBool);

impl Live {
    /// Whether nothing has changed. Once false it stays false; a handle taken later is another one.
    pub fn is_live(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What has changed, as far as it was heard.
pub struct Changes {
    clock: Clock,
    users: Handles<UserId>,
    sessions: Handles<SessionId>,
    api_tokens: Handles<ApiTokenId>,
    generation: AtomicU64,
    /// The monotonic time plus one; 0: never.
    heard_at: AtomicU64,
}

impl Changes {
    /// Nothing heard yet.
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            users: Handles::default(),
            sessions: Handles::default(),
            api_tokens: Handles::default(),
            generation: AtomicU64::new(0),
            heard_at: AtomicU64::new(0),
        })
    }

    /// The handle of a user, to be taken before its row is read.
    pub fn live_user(&self, user: UserId) -> Arc<Live> {
        self.users.live(user)
    }

    /// The handle of a session, to be taken before its row is read.
    pub fn live_session(&self, session: SessionId) -> Arc<Live> {
        self.sessions.live(session)
    }

    /// The handle of an API token, to be taken before its row is read.
    pub fn live_api_token(&self, token: ApiTokenId) -> Arc<Live> {
        self.api_tokens.live(token)
    }

    /// The number of the generation: when it moves, all that is remembered is void.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether the feed was heard less than a second before `now`. If not, nothing remembered counts.
    pub fn heard_recently(&self, now: Mono) -> bool {
        match self.heard_at.load(Ordering::Acquire).checked_sub(1) {
            Some(heard) => now.since(Mono(heard)) < RECENT,
            None => false,
        }
    }

    /// Applies changes that were committed. The server's own are applied by the store's writer before
    /// the write is answered, and again when the feed brings them: twice does no harm.
    pub fn apply(&self, changes: &[Change]) {
        for change in changes {
            let known = match change.kind.as_str() {
                USER => self.users.end(&change.subject),
                SESSION => self.sessions.end(&change.subject),
                API_TOKEN => self.api_tokens.end(&change.subject),
                _ => false,
            };
            if !known {
                self.void();
            }
        }
    }

    /// Hears the feed for the first time: when this returns, it [was heard](Self::heard_recently).
    pub fn tune_in(self: &Arc<Self>, watcher: Watcher) -> Result<Feed, StoreError> {
        let mut feed = Feed { changes: Arc::clone(self), watcher, heard: None };
        feed.ask()?;
        Ok(feed)
    }

    fn void(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn hear(&self, asked_at: Mono) {
        self.heard_at.fetch_max(asked_at.0.saturating_add(1), Ordering::AcqRel);
    }
}

/// The feed, read up to some change.
pub struct Feed {
    changes: Arc<Changes>,
    watcher: Watcher,
    /// The newest change that was applied; nothing before the first answer.
    heard: Option<i64>,
}

impl Feed {
    /// Listens: the body of the feed's thread. Asks every 200 ms, and at once for each message of `wake`;
    /// returns when `wake` has no sender any more.
    pub fn listen(mut self, wake: &Receiver<()>) {
        let mut failing = false;
        while wake.recv_timeout(RHYTHM) != Err(RecvTimeoutError::Disconnected) {
            let asked = self.ask();
            match &asked {
                Ok(()) if failing => {
                    tracing::info!(event = "changes.heard", "the change feed is heard again");
                }
                Err(error) if !failing => {
                    tracing::warn!(event = "changes.unheard", %error, "the change feed is not heard; every check asks the store");
                }
                Ok(()) | Err(_) => {}
            }
            failing = asked.is_err();
        }
    }

    /// Asks once. The moment that counts as heard is the one before the question.
    fn ask(&mut self) -> Result<(), StoreError> {
        let asked_at = self.changes.clock.now().mono;
        if let Some(heard) = self.heard {
            if let Some(news) = self.watcher.news(heard)? {
                self.take(heard, &news);
            }
        } else {
            self.heard = Some(self.watcher.newest()?);
            // What was remembered before may have changed unheard.
            self.changes.void();
        }
        self.changes.hear(asked_at);
        Ok(())
    }

    fn take(&mut self, heard: i64, news: &News) {
        let is_gapless = news.changes.iter().map(|change| change.seq).eq(heard + 1..=news.newest);
        self.changes.apply(&news.changes);
        if !is_gapless {
            tracing::warn!(
                event = "changes.missed",
                heard,
                newest = news.newest,
                "changes were missed; nothing remembered counts"
            );
            self.changes.void();
        }
        self.heard = Some(news.newest);
    }
}

/// The living handles of one kind of subject. Those nobody holds any more are forgotten.
struct Handles<Id> {
    registry: Mutex<Registry<Id>>,
}

struct Registry<Id> {
    handles: HashMap<Id, Weak<Live>>,
    /// At how many entries those without a holder are looked for.
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 1_024;

impl<Id> Default for Handles<Id> {
    fn default() -> Self {
        Self { registry: Mutex::new(Registry { handles: HashMap::new(), sweep_at: FIRST_SWEEP }) }
    }
}

impl<Id: Copy + Eq + Hash + FromStr> Handles<Id> {
    fn live(&self, id: Id) -> Arc<Live> {
        let mut registry = self.registry.lock();
        if let Some(live) = registry.handles.get(&id).and_then(Weak::upgrade) {
            return live;
        }
        if registry.handles.len() >= registry.sweep_at {
            registry.handles.retain(|_, live| live.strong_count() > 0);
            registry.sweep_at = (registry.handles.len() * 2).max(FIRST_SWEEP);
        }
        let live = Arc::new(Live(AtomicBool::new(true)));
        registry.handles.insert(id, Arc::downgrade(&live));
        live
    }

    /// Ends the handle of `subject`; whether that is the id of such a subject at all.
    fn end(&self, subject: &str) -> bool {
        let Ok(id) = subject.parse() else { return false };
        if let Some(live) = self.registry.lock().handles.remove(&id).and_then(|live| live.upgrade()) {
            live.0.store(false, Ordering::Release);
        }
        true
    }
}
