//! Background tasks: every loop that runs beside the answers, by name.
//!
//! Promises: a loop that fails or panics is started again, after 1 s at first and 60 s at most;
//! how each fares can be asked at any time; at the end all are stopped, and none is left behind.
//! Never: lets a loop end quietly. Nothing else starts tasks, except the accept loop.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::caught::caught;
use crate::clock::{Clock, Now, Wall};
use crate::error::Error;

/// The first wait before a loop is started again; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait; a loop that ran for so long begins with [`FIRST`] again.
const LONGEST: Duration = Duration::from_mins(1);

/// How a task fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Its name.
    pub name: &'static str,
    /// Since when it runs; nothing while it waits to be started again.
    pub running_since: Option<Wall>,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it last failed, for the log and for administrators.
    pub last_error: Option<String>,
}

/// The background tasks of one server.
pub struct Tasks {
    clock: Clock,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    healths: Vec<Arc<Mutex<Health>>>,
}

impl Tasks {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, running: Mutex::new(Running::default()) }
    }

    /// Starts the loop `name`. `begin` makes it anew each time; it ends only with an error.
    ///
    /// At the drain it is dropped at an await: what belongs together in it is one write.
    pub fn start<F, L>(&self, name: &'static str, begin: F)
    where
        F: Fn() -> L + Send + Sync + 'static,
        L: Future<Output = Result<Infallible, Error>> + Send + 'static,
    {
        let health =
            Arc::new(Mutex::new(Health { name, running_since: None, restarts: 0, last_error: None }));
        let mut running = self.running.lock();
        running.healths.push(health.clone());
        running.tasks.spawn(keep_running(self.clock.clone(), begin, health));
    }

    /// How each fares, in the order they were started.
    pub fn health(&self) -> Vec<Health> {
        self.running.lock().healths.iter().map(|health| health.lock().clone()).collect()
    }

    /// Stops them all. Says which did not stop `within` that time: they are in the middle of something
    /// that does not wait.
    pub async fn stop(&self, within: Duration) -> Vec<&'static str> {
        let Running { mut tasks, healths } = std::mem::take(&mut *self.running.lock());
        tasks.abort_all();
        let all = async { while tasks.join_next().await.is_some() {} };
        if timeout(within, all).await.is_ok() {
            return Vec::new();
        }
        healths
            .iter()
            // A task that stopped has let go of its health.
            .filter(|health| Arc::strong_count(health) > 1)
            .map(|health| health.lock().name)
            .collect()
    }
}

async fn keep_running<F, L>(clock: Clock, begin: F, health: Arc<Mutex<Health>>)
where
    F: Fn() -> L,
    L: Future<Output = Result<Infallible, Error>>,
{
    let name = health.lock().name;
    let mut wait = FIRST;
    loop {
        let started: Now = clock.now();
        health.lock().running_since = Some(started.wall);
        let why = match caught(async { begin().await }).await {
            Ok(Err(error)) => error.to_string(),
            Err(_panicked) => "it panicked".to_owned(),
        };
        if clock.now().mono.since(started.mono) >= LONGEST {
            wait = FIRST;
        }
        tracing::error!(event = "task.failed", task = name, why, again_in = wait.as_secs());
        {
            let mut health = health.lock();
            health.running_since = None;
            health.last_error = Some(why);
        }
        clock.wait(wait).await;
        wait = (wait * 2).min(LONGEST);
        health.lock().restarts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    /// A loop that fails the first time, panics the second, and then runs.
    #[tokio::test]
    async fn a_loop_that_fails_or_panics_is_started_again_and_says_so() {
        let (clock, hand) = Clock::manual(Wall::from_seconds(1_000));
        let tasks = Tasks::new(clock);
        let begun = Arc::new((AtomicUsize::new(0), Notify::new()));
        tasks.start("feed", {
            let begun = begun.clone();
            move || {
                let begun = begun.clone();
                async move {
                    let time = begun.0.fetch_add(1, Ordering::SeqCst);
                    begun.1.notify_one();
                    match time {
                        0 => Err(Error::internal("no feed")),
                        1 => panic!("as asked"),
                        _ => std::future::pending().await,
                    }
                }
            }
        });
        for (restarts, wait, why) in [(0, 1, "no feed"), (1, 2, "it panicked")] {
            within(begun.1.notified()).await;
            let health = until(&tasks, |health| health.running_since.is_none()).await;
            assert_eq!(health.last_error.as_deref(), Some(why));
            assert_eq!(health.restarts, restarts);
            hand.advance(Duration::from_secs(wait));
        }
        within(begun.1.notified()).await;
        let health = until(&tasks, |health| health.running_since.is_some()).await;
        assert_eq!(health.name, "feed");
        assert_eq!(health.restarts, 2);
        assert_eq!(health.running_since, Some(Wall::from_seconds(1_003)));
        assert_eq!(tasks.stop(Duration::from_secs(30)).await, Vec::<&str>::new());
        assert_eq!(tasks.health(), [], "a stopped task is no longer there");
    }

    async fn until(tasks: &Tasks, right: impl Fn(&Health) -> bool) -> Health {
        within(async {
            loop {
                match tasks.health().pop() {
                    Some(health) if right(&health) => return health,
                    _ => tokio::task::yield_now().await,
                }
            }
        })
        .await
    }

    async fn within<F: Future>(future: F) -> F::Output {
        timeout(Duration::from_secs(30), future).await.expect("nothing happened for 30 s")
    }
}
