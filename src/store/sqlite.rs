//! SQLite. Owns how a connection is opened, how one statement runs on it, and what its errors mean.
//!
//! Promises: every connection has the settings its use needs; values are bound, never pasted; a row
//! holds what the table holds or is an error.
//! Never: begins or ends a transaction.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::{Row, Statement, StoreError, Value, WriteError};
use crate::error::Fault;

/// The database's name in the data directory.
pub(super) const DATABASE: &str = "aegis.db";
/// `pragma application_id` of a database of Aegis: "Aegi".
pub(super) const APPLICATION_ID: i32 = 0x4165_6769;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The one writer of a store.
    Write,
    /// Reads by key, on threads that others wait for.
    Get,
    /// Other reads.
    Read,
    /// Migrations and copies: plain, without foreign keys.
    Maintain,
}

/// Opens the existing database `file`; never makes one.
pub(super) fn open(file: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags)?;
    let patience = if purpose == Purpose::Get { 200 } else { 2_000 };
    // SQLite's own handler waits up to 100 ms between attempts, which a busy writer in another process
    // can win for seconds. Asking every millisecond gets a turn.
    connection.busy_handler(Some(move |attempts: i32| {
        thread::park_timeout(Duration::from_millis(1));
        attempts < patience
    }))?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", purpose == Purpose::Write)?;
    match purpose {
        Purpose::Write => {
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        }
        Purpose::Get | Purpose::Read => connection.pragma_update(None, "query_only", true)?,
        Purpose::Maintain => connection.pragma_update(None, "synchronous", "full")?,
    }
    Ok(connection)
}

/// Sets the journal mode and says whether that worked; some file systems cannot hold a WAL.
pub(super) fn journal(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    connection
        .pragma_update_and_check(None, "journal_mode", mode, |row| row.get::<_, String>(0))
        .map(|now| now == mode)
}

/// Why a statement did not run.
#[derive(Debug)]
pub(super) enum Trouble {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// The statement, its values or its rows are not what they may be.
    Shape(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What a statement did.
pub(super) struct Ran {
    /// The rows it returned.
    pub(super) rows: Vec<Row>,
    /// How many it returned or, where it returns none by its nature, changed.
    pub(super) count: usize,
}

/// Runs `statement`, which may return at most `limit` rows.
pub(super) fn run(
    connection: &Connection,
    statement: &Statement,
    values: &[Value],
    limit: usize,
) -> Result<Ran, Trouble> {
    let mut prepared = connection.prepare_cached(statement.sqlite())?;
    if prepared.parameter_count() != values.len() {
        return Err(Trouble::Shape(format!(
            "{} values for the {} of: {statement:?}",
            values.len(),
            prepared.parameter_count()
        )));
    }
    for (place, value) in (1..).zip(values) {
        if matches!(value, Value::Text(text) if text.contains('\0')) {
            return Err(Trouble::Shape(format!("a NUL in value {place} of: {statement:?}")));
        }
        prepared.raw_bind_parameter::<usize, _>(place, value)?;
    }
    let columns = prepared.column_count();
    if columns == 0 {
        return Ok(Ran { rows: Vec::new(), count: prepared.raw_execute()? });
    }
    let mut rows = Vec::new();
    let mut found = prepared.raw_query();
    while let Some(row) = found.next()? {
        if rows.len() == limit {
            return Err(Trouble::Shape(format!("more than {limit} rows from: {statement:?}")));
        }
        let read: Result<Vec<Value>, Trouble> =
            (0..columns).map(|column| value_of(row.get_ref(column)?)).collect();
        rows.push(Row(read?));
    }
    let count = rows.len();
    Ok(Ran { rows, count })
}

fn value_of(value: ValueRef<'_>) -> Result<Value, Trouble> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
        ValueRef::Real(_) => Err(Trouble::Shape("a column holds a fraction".to_owned())),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(|text| Value::Text(text.to_owned()))
            .map_err(|_| Trouble::Shape("a column holds text that is not UTF-8".to_owned())),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Bool(truth) => ValueRef::Integer(i64::from(*truth)),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// What SQLite's error says of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Nothing can be read or written now; later perhaps.
    Unavailable,
    /// A unique value is taken.
    Taken,
    /// The file is not what it should be.
    Damaged,
    /// A mistake in the statement or its values.
    Mistaken,
}

fn meaning(error: &rusqlite::Error) -> Meaning {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => match error.sqlite_extended_error_code() {
            Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE) => Meaning::Taken,
            _ => Meaning::Mistaken,
        },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Meaning::Damaged,
        Some(
            ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted,
        ) => Meaning::Unavailable,
        _ => Meaning::Mistaken,
    }
}

/// The error in words, for the log.
pub(super) fn words(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::ReadOnly) => "the database is read-only".to_owned(),
        Some(ErrorCode::SystemIoFailure) => format!("the disk does not answer ({error})"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process holds the database".to_owned()
        }
        Some(ErrorCode::OperationInterrupted) => "it took too long".to_owned(),
        _ => error.to_string(),
    }
}

impl Trouble {
    /// What a reader is told.
    pub(super) fn of_read(self) -> StoreError {
        match self {
            Self::Shape(why) => StoreError::Broken(why),
            Self::Sqlite(error) if meaning(&error) == Meaning::Unavailable => {
                StoreError::Unavailable(words(&error))
            }
            Self::Sqlite(error) => StoreError::Broken(words(&error)),
        }
    }

    /// What the author of the write is told whose step number `step` it was.
    pub(super) fn of_step(self, step: usize) -> WriteError {
        match self {
            Self::Shape(why) => WriteError::Broken(why),
            Self::Sqlite(error) => match meaning(&error) {
                Meaning::Unavailable => WriteError::Unavailable(words(&error)),
                Meaning::Taken => WriteError::Taken(step),
                Meaning::Damaged | Meaning::Mistaken => WriteError::Broken(words(&error)),
            },
        }
    }
}

/// What the operator is told of a database that cannot be used.
pub(super) fn fault(file: &Path, error: &rusqlite::Error) -> Fault {
    let fault = match meaning(error) {
        Meaning::Damaged => return damaged(file, &words(error)),
        Meaning::Unavailable if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            Fault::new(words(error)).hint("end it, or try again when it is done")
        }
        Meaning::Unavailable => Fault::new(format!("the database cannot be used: {}", words(error)))
            .hint("check the disk: space, permissions, mount options"),
        Meaning::Taken | Meaning::Mistaken => {
            Fault::new(format!("the database refuses what Aegis asks: {}", words(error)))
        }
    };
    fault.at(file, None)
}

/// What the operator is told of a damaged database.
pub(super) fn damaged(file: &Path, why: &str) -> Fault {
    Fault::new(format!("the database is damaged: {why}"))
        .hint("`aegis restore FILE` puts a backup in its place and keeps the damaged files beside it")
        .at(file, None)
}
