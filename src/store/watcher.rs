//! The reader of the change feed. Owns the connection that notices commits of any process.
//! Promises: news that could not be read are still news the next time. Never knows what a change means.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, FileControl, MAIN_DB};

use super::sqlite::{self, Purpose, Trouble};
use super::{Change, StoreError};
use crate::error::Fault;

/// How many changes are read at once; whoever is further behind starts anew.
const AT_ONCE: i64 = 1_000;

/// What happened since it was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The changes after the one named, oldest first, at most 1,000.
    pub changes: Vec<Change>,
    /// The newest change there is, or 0.
    pub newest: i64,
}

/// Notices what any connection of any process commits.
pub struct Watcher {
    connection: Connection,
    file: PathBuf,
    /// The `data_version` up to which everything has been told.
    told: Option<i64>,
}

impl Watcher {
    pub(super) fn open(file: &Path) -> Result<Self, Fault> {
        let connection = sqlite::open(file, Purpose::Read).map_err(|error| sqlite::fault(file, &error))?;
        Ok(Self { connection, file: file.to_path_buf(), told: None })
    }

    /// The newest change there is, or 0.
    pub fn newest(&mut self) -> Result<i64, StoreError> {
        newest(&self.connection).map_err(|error| Trouble::from(error).of_read())
    }

    /// What happened after change number `after`; nothing if nobody has committed anything since the last
    /// answer, which costs a few microseconds to learn.
    pub fn news(&mut self, after: i64) -> Result<Option<News>, StoreError> {
        if !self.is_in_place() {
            // What others commit now goes elsewhere and would not be heard here.
            let file = self.file.display();
            return Err(StoreError::Unavailable(format!("{file} was moved or deleted while in use")));
        }
        self.read(after).map_err(|error| Trouble::from(error).of_read())
    }

    fn read(&mut self, after: i64) -> rusqlite::Result<Option<News>> {
        // Asked before the rows are read: a commit in between is told twice rather than never.
        let version: i64 = self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.told == Some(version) {
            return Ok(None);
        }
        let reading = self.connection.unchecked_transaction()?;
        let newest = newest(&reading)?;
        let changes = reading
            .prepare_cached("select seq, kind, subject from change where seq > ?1 order by seq limit ?2")?
            .query_map((after, AT_ONCE), |row| {
                Ok(Change { seq: row.get(0)?, kind: row.get(1)?, subject: row.get(2)? })
            })?
            .collect::<rusqlite::Result<_>>()?;
        drop(reading);
        self.told = Some(version);
        Ok(Some(News { changes, newest }))
    }

    fn is_in_place(&self) -> bool {
        let mut moved = 0;
        self.connection.file_control(Some(MAIN_DB), FileControl::HasMoved(&mut moved)).is_ok() && moved == 0
    }
}

fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("select last from feed")?.query_row([], |row| row.get(0))
}
