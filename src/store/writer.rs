//! The writer. Owns the only connection that writes, its thread and the queue before it.
//!
//! Promises: what waits together is committed together, and is answered after the commit; a write that
//! fails leaves its neighbours alone; a full queue is said at once.
//! Never: waits for a reader, or keeps a transaction open between two batches.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use rusqlite::{Connection, MAIN_DB};
use tokio::sync::oneshot;

use super::sqlite::{self, Purpose, Trouble};
use super::{Change, DataDirectory, OnCommit, Write, WriteError, Written};
use crate::error::Fault;

/// How many writes may wait.
const QUEUE: usize = 1_024;
/// How many are committed together at most.
const BATCH: usize = 128;
/// How many rows a step may return.
const STEP_ROWS: usize = 10_000;
/// How many changes are kept for those who read the feed.
const KEPT_CHANGES: i64 = 10_000;
/// After how many changes the older ones are cleared away.
const TRIM_EVERY: i64 = 1_000;

type Answer = Result<Written, WriteError>;

struct Job {
    write: Write,
    answer: oneshot::Sender<Answer>,
}

/// The writing end of a store.
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

fn closed() -> WriteError {
    WriteError::Unavailable("it is closed".to_owned())
}

impl Writer {
    /// Starts the writer of `file`. `directory`, if given, stays claimed until the thread has ended.
    pub(super) fn start(
        file: &Path,
        directory: Option<DataDirectory>,
        on_commit: OnCommit,
    ) -> Result<Self, Fault> {
        let unusable = |error: rusqlite::Error| sqlite::fault(file, &error);
        let connection = sqlite::open(file, Purpose::Write).map_err(unusable)?;
        if connection.is_readonly(MAIN_DB).map_err(unusable)? {
            return Err(Fault::new("the database is read-only for this user")
                .hint("it belongs to the user that runs the server, with mode 0600")
                .at(file, None));
        }
        if !sqlite::journal(&connection, "wal").map_err(unusable)? {
            return Err(Fault::new("the file system cannot hold a write-ahead log")
                .hint("keep the data directory on a disk of this machine, not on a network share")
                .at(file, None));
        }
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name("aegis-writer".to_owned())
            .spawn(move || {
                let _claimed = directory;
                work(connection, &jobs, &on_commit);
            })
            .map_err(|error| Fault::new(format!("the writer's thread cannot be started: {error}")))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn write(&self, write: Write) -> Answer {
        if !write.recorded {
            return Err(WriteError::Broken(
                "a write without an audit entry, and without a reason".to_owned(),
            ));
        }
        let (answer, answered) = oneshot::channel();
        {
            let queue = self.queue.lock();
            let queue = queue.as_ref().ok_or_else(closed)?;
            queue.try_send(Job { write, answer }).map_err(|error| match error {
                TrySendError::Full(_) => WriteError::Busy,
                TrySendError::Disconnected(_) => ended(),
            })?;
        }
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Lets the writer finish what is queued, and waits until it has closed the database.
    pub(super) async fn close(&self) {
        self.queue.lock().take();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.thread.lock().as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Writer {
    /// Waits for what is queued, so that neither an answered write nor the lock outlives the store.
    fn drop(&mut self) {
        self.queue.lock().take();
        let thread = self.thread.lock().take();
        // The last handle may die on the writer's own thread, in `on_commit`.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

fn ended() -> WriteError {
    WriteError::Unavailable("the writer has ended; whether the write was done is not known".to_owned())
}

fn work(connection: Connection, jobs: &Receiver<Job>, on_commit: &OnCommit) {
    while let Ok(first) = jobs.recv() {
        let (writes, askers): (Vec<Write>, Vec<_>) = std::iter::once(first)
            .chain(jobs.try_iter().take(BATCH - 1))
            .map(|job| (job.write, job.answer))
            .unzip();
        let committed = commit(&connection, &writes);
        if !connection.is_autocommit() && connection.execute_batch("rollback").is_err() {
            tracing::error!(event = "store.broken", "the writer cannot undo what failed, and ends");
            return;
        }
        let answers = match committed {
            Ok((answers, changes)) => {
                if !changes.is_empty() {
                    on_commit(&changes);
                }
                answers
            }
            Err(error) => {
                tracing::warn!(event = "store.unwritten", %error, writes = writes.len(), "writes failed");
                vec![Err(error); writes.len()]
            }
        };
        for (asker, answer) in askers.into_iter().zip(answers) {
            // Who asked may have left; the write is done all the same.
            let _ = asker.send(answer);
        }
    }
    // Everything into the database file, so that it is whole without its log.
    if let Err(error) = connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())) {
        tracing::warn!(event = "store.unfinished", %error, "the log stays beside the database until that is opened again");
    }
    if let Err((_connection, error)) = connection.close() {
        tracing::warn!(event = "store.unclosed", %error, "the database could not be closed");
    }
}

/// Does `writes` in one transaction and says what became of each, and what changed. An error is
/// everybody's: then none of them happened. May leave the transaction open in that case.
fn commit(connection: &Connection, writes: &[Write]) -> Result<(Vec<Answer>, Vec<Change>), WriteError> {
    let run = |sql: &str| connection.execute_batch(sql).map_err(|error| of_all(error.into()));
    run("begin immediate")?;
    let mut answers = Vec::with_capacity(writes.len());
    let mut changes = Vec::new();
    for write in writes {
        run("savepoint one")?;
        let mut changed = Vec::new();
        let answer = steps(connection, write, &mut changed);
        if let Err(error) = &answer {
            if connection.is_autocommit() {
                // SQLite has undone all of the batch, as it does when the disk is full.
                return Err(error.clone());
            }
            run("rollback to one")?;
        } else {
            changes.append(&mut changed);
        }
        run("release one")?;
        answers.push(answer);
    }
    if let Some(newest) = changes.iter().rfind(|change: &&Change| change.seq % TRIM_EVERY == 0) {
        connection
            .prepare_cached("delete from change where seq <= ?1")
            .and_then(|mut trim| trim.execute([newest.seq - KEPT_CHANGES]))
            .map_err(|error| of_all(error.into()))?;
    }
    run("commit")?;
    Ok((answers, changes))
}

/// An error that belongs to no step.
fn of_all(trouble: Trouble) -> WriteError {
    match trouble.of_step(0) {
        WriteError::Taken(_) => WriteError::Broken("the change feed counts wrong".to_owned()),
        error => error,
    }
}

fn steps(connection: &Connection, write: &Write, changed: &mut Vec<Change>) -> Answer {
    let mut written = Written::default();
    for (place, step) in write.steps.iter().enumerate() {
        let ran = sqlite::run(connection, step.statement, &step.values, STEP_ROWS)
            .map_err(|trouble| trouble.of_step(place))?;
        if !step.expect.allows(ran.count) {
            return Err(WriteError::Unexpected(place));
        }
        written.0.push(ran.rows);
    }
    for (kind, subject) in &write.changes {
        let change = tell(connection, kind, subject).map_err(|error| of_all(error.into()))?;
        changed.push(change);
    }
    Ok(written)
}

/// Adds a row to the feed. The counter's row is locked until the commit, so numbers follow commits.
fn tell(connection: &Connection, kind: &str, subject: &str) -> rusqlite::Result<Change> {
    let seq: i64 = connection
        .prepare_cached("update feed set last = last + 1 where one = 1 returning last")?
        .query_row([], |row| row.get(0))?;
    connection
        .prepare_cached("insert into change (seq, kind, subject) values (?1, ?2, ?3)")?
        .execute((seq, kind, subject))?;
    Ok(Change { seq, kind: kind.to_owned(), subject: subject.to_owned() })
}
