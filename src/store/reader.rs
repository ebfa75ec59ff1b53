//! The readers. Owns the connections of `get` and of `scan`.
//!
//! Promises: a read by key waits for no other read but in a crowd, and never for a writer; a long read
//! ends at its deadline and its row limit; too many rows are an error, never a part of the truth.
//! Never: writes (`query_only`).

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::sqlite::{self, Purpose, Trouble};
use super::{Row, Statement, StoreError, Value};
use crate::clock::Clock;
use crate::error::Fault;

/// At most; one each core is enough, because a read keeps its thread until it is done.
const GET_CONNECTIONS: usize = 4;
const GET_ROWS: usize = 100;
const SCANS: usize = 2;
const SCAN_ROWS: usize = 10_000;
const SCAN_DEADLINE: Duration = Duration::from_secs(5);
/// How many of SQLite's instructions pass between two looks at the clock: well under a millisecond.
const INSTRUCTIONS: i32 = 10_000;

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

/// The connections of `get`. Each is used for microseconds at a time.
pub(super) struct Readers {
    connections: Vec<Mutex<Option<Connection>>>,
    turn: AtomicUsize,
}

impl Readers {
    pub(super) fn open(file: &Path) -> Result<Self, Fault> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let connections = (0..cores.min(GET_CONNECTIONS))
            .map(|_| sqlite::open(file, Purpose::Get).map(|connection| Mutex::new(Some(connection))))
            .collect::<rusqlite::Result<_>>()
            .map_err(|error| sqlite::fault(file, &error))?;
        Ok(Self { connections, turn: AtomicUsize::new(0) })
    }

    pub(super) fn get(&self, statement: &Statement, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let connection = self.free()?;
        let connection = connection.as_ref().ok_or_else(closed)?;
        sqlite::run(connection, statement, values, GET_ROWS).map(|ran| ran.rows).map_err(Trouble::of_read)
    }

    /// The first connection that nobody uses, or the one whose turn it is. Without a crowd that is always the same:
    /// it alone reads the schema and keeps statements.
    fn free(&self) -> Result<MutexGuard<'_, Option<Connection>>, StoreError> {
        if let Some(free) = self.connections.iter().find_map(Mutex::try_lock) {
            return Ok(free);
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(self.connections.len());
        turn.and_then(|turn| self.connections.get(turn)).map(Mutex::lock).ok_or_else(closed)
    }

    pub(super) fn close(&self) {
        for connection in &self.connections {
            connection.lock().take();
        }
    }
}

/// The long reads: two at once, each on a thread and a connection of its own.
pub(super) struct Scans {
    file: PathBuf,
    clock: Clock,
    deadline: Duration,
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Scans {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.to_path_buf(),
            clock: Clock::system(),
            deadline: SCAN_DEADLINE,
            turns: Arc::new(Semaphore::new(SCANS)),
            idle: Arc::default(),
        }
    }

    pub(super) async fn scan(
        &self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let deadline = self.clock.now().mono.plus(self.deadline);
        let turn = tokio::time::timeout(self.deadline, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| StoreError::Unavailable("too many long reads are waiting".to_owned()))?
            .map_err(|_| closed())?;
        let (file, clock, idle) = (self.file.clone(), self.clock.clone(), self.idle.clone());
        let reading = move || {
            let idling = idle.lock().pop();
            let mut connection = match idling {
                Some(connection) => connection,
                None => sqlite::open(&file, Purpose::Read).map_err(|error| Trouble::from(error).of_read())?,
            };
            let late = move || clock.now().mono >= deadline;
            let ran = connection
                .progress_handler(INSTRUCTIONS, Some(late))
                .map_err(Trouble::from)
                .and_then(|()| sqlite::run(&connection, statement, &values, SCAN_ROWS));
            idle.lock().push(connection);
            // The turn is given back when the read is over, also if who asked has left.
            drop(turn);
            ran.map(|ran| ran.rows).map_err(Trouble::of_read)
        };
        tokio::task::spawn_blocking(reading)
            .await
            .unwrap_or_else(|_| Err(StoreError::Broken("a long read ended in a panic".to_owned())))
    }

    pub(super) fn close(&self) {
        self.turns.close();
        self.idle.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::new_store;
    use super::*;

    #[tokio::test]
    async fn a_long_read_ends_at_its_deadline() {
        static ENDLESS: Statement = Statement::new(
            "with recursive number (n) as (select 1 union all select n + 1 from number where n > 0) \
             select max(n) from number",
        );
        let (_place, store) = new_store();
        let mut scans = Scans::new(&store.inner.file);
        scans.deadline = Duration::from_millis(20);
        let refused = scans.scan(&ENDLESS, Vec::new()).await;
        assert_eq!(refused, Err(StoreError::Unavailable("it took too long".to_owned())));
        let next = scans.scan(&ENDLESS, Vec::new()).await;
        assert!(next.is_err(), "the connection is there for the next, with a deadline of its own: {next:?}");
    }
}
