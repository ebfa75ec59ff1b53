//! Migrations. Owns the schema's steps, in order, and the table that says which of them a database has seen.
//!
//! Promises: each step happens whole or not at all, under the lock; before existing data are touched,
//! a copy is kept; a schema that is newer, or was made by other steps, is refused.
//! Never: goes back. The copy does, see [`go_back`].

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::Connection;

use super::{DataDirectory, backup, sqlite};
use crate::error::Fault;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One step of the schema.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    /// 1, 2, 3, …
    pub(super) number: i64,
    /// Its file in `sql/sqlite/`, without the ending.
    pub(super) name: &'static str,
    /// Its statements. No `begin` and no `commit`.
    pub(super) text: &'static str,
}

/// All of them, oldest first. A released one is never edited: its checksum stands in every database.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "0001_start", text: include_str!("../../sql/sqlite/0001_start.sql") },
    Migration { number: 2, name: "0002_tailnet", text: include_str!("../../sql/sqlite/0002_tailnet.sql") },
    Migration {
        number: 3,
        name: "0003_second_factor",
        text: include_str!("../../sql/sqlite/0003_second_factor.sql"),
    },
];

impl Migration {
    fn checksum(&self) -> String {
        use std::fmt::Write as _;
        digest(&SHA256, self.text.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// How far the schema of a database has come.
pub(super) struct Schema {
    /// The number of its newest migration.
    pub(super) number: i64,
    /// The version of Aegis that made that.
    pub(super) aegis: String,
    /// The migrations it has not seen.
    pub(super) pending: Vec<Migration>,
}

/// Reads how far the schema of `connection` has come, and refuses one that `all` does not lead from.
pub(super) fn schema(connection: &Connection, file: &Path, all: &[Migration]) -> Result<Schema, Fault> {
    let seen: Vec<(i64, String, String)> = connection
        .prepare("select number, checksum, aegis from migration order by number")
        .and_then(|mut found| {
            found.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })
        .map_err(|error| sqlite::fault(file, &error))?;
    let Some((number, _, aegis)) = seen.last().cloned() else {
        return Err(sqlite::damaged(file, "it does not say which schema it has"));
    };
    if all.last().is_none_or(|newest| number > newest.number) {
        return Err(Fault::new(format!(
            "the database has schema {number}, made by aegis {aegis}; this is the older aegis {VERSION}"
        ))
        .hint(format!(
            "run aegis {aegis} or newer, or go back: `aegis restore` the copy {}.before-… of the time before",
            file.display()
        ))
        .at(file, None));
    }
    let (known, pending) = all.split_at_checked(seen.len()).unwrap_or((all, &[]));
    let matches = known.len() == seen.len()
        && known
            .iter()
            .zip(&seen)
            .all(|(known, (number, checksum, _))| known.number == *number && known.checksum() == *checksum);
    if !matches {
        return Err(Fault::new(format!(
            "the schema of the database was made by other migrations than those of aegis {VERSION}"
        ))
        .hint("use a released version of Aegis, or restore a backup made by one")
        .at(file, None));
    }
    Ok(Schema { number, aegis, pending: pending.to_vec() })
}

/// Makes the schema in the empty database of `connection`.
pub(super) fn create(connection: &Connection, file: &Path, all: &[Migration]) -> Result<(), Fault> {
    let unusable = |error: rusqlite::Error| sqlite::fault(file, &error);
    connection.execute_batch("begin immediate").map_err(unusable)?;
    connection.pragma_update(None, "application_id", sqlite::APPLICATION_ID).map_err(unusable)?;
    connection
        .execute_batch(
            "create table migration (
                 number integer primary key,
                 name text not null,
                 checksum text not null,         -- SHA-256 of the file
                 aegis text not null             -- the version that ran it
             ) strict",
        )
        .map_err(unusable)?;
    for migration in all {
        apply(connection, migration).map_err(unusable)?;
    }
    connection.execute_batch("commit").map_err(unusable)
}

/// Brings an existing database up to date. The directory is claimed; the copy is made first.
pub(super) fn migrate(
    _claimed: &DataDirectory,
    connection: &Connection,
    file: &Path,
    all: &[Migration],
) -> Result<(), Fault> {
    let schema = schema(connection, file, all)?;
    let Some(first) = schema.pending.first() else { return Ok(()) };
    let copy = copy_before(file, first.number);
    backup::replace_copy(connection, &copy)?;
    tracing::info!(event = "store.copied", copy = %copy.display(), "kept a copy of the database; {}", go_back(&copy, &schema.aegis));
    for migration in &schema.pending {
        step(connection, file, migration).map_err(|fault| {
            let hint = format!("nothing of it was done; {}", go_back(&copy, &schema.aegis));
            Fault::new(format!("migration {} failed: {}", migration.name, fault.message))
                .hint(hint)
                .at(file, None)
        })?;
        tracing::info!(event = "store.migrated", migration = migration.name, "migrated the database");
    }
    Ok(())
}

/// Where the copy from before migration `number` is kept.
pub(super) fn copy_before(file: &Path, number: i64) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".before-{number}"));
    PathBuf::from(name)
}

fn go_back(copy: &Path, aegis: &str) -> String {
    format!("to go back, stop the server, install aegis {aegis} and run `aegis restore {}`", copy.display())
}

fn step(connection: &Connection, file: &Path, migration: &Migration) -> Result<(), Fault> {
    let unusable = |error: rusqlite::Error| sqlite::fault(file, &error);
    connection.execute_batch("begin immediate").map_err(unusable)?;
    let done = apply(connection, migration).map_err(unusable).and_then(|()| {
        let dangling: i64 = connection
            .query_row("select count(*) from pragma_foreign_key_check", [], |row| row.get(0))
            .map_err(unusable)?;
        if dangling > 0 {
            return Err(Fault::new(format!("it leaves {dangling} rows that refer to nothing")));
        }
        connection.execute_batch("commit").map_err(unusable)
    });
    if done.is_err() && !connection.is_autocommit() {
        // If this fails too, the transaction ends with the connection.
        let _ = connection.execute_batch("rollback");
    }
    done
}

fn apply(connection: &Connection, migration: &Migration) -> rusqlite::Result<()> {
    connection.execute_batch(migration.text)?;
    connection
        .execute(
            "insert into migration (number, name, checksum, aegis) values (?1, ?2, ?3, ?4)",
            (migration.number, migration.name, migration.checksum(), VERSION),
        )
        .map(|_| ())
}
